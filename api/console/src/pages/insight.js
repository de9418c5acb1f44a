// What people show together: their journeys as flows, the touchpoints that matter, and who hangs together.
import { el, fill } from "../dom.js";
import { empty, trouble } from "../parts/notice.js";
import { flowsOf, flowTable } from "../parts/flows.js";

export async function page(context) {
  const { t, api, signal, format } = context;
  const found = await api.get("/graph/insight", { signal });
  const told = el("div", { role: "status" });

  async function take(kind) {
    fill(told, el("p", { class: "waiting" }, t("loading")));
    try {
      const text = await api.text("/graph/export", { query: { format: kind }, signal });
      const url = URL.createObjectURL(new Blob([text], { type: kind === "json" ? "application/json" : "application/xml" }));
      el("a", { href: url, download: `leo.${kind}` }).click();
      setTimeout(() => URL.revokeObjectURL(url), 1000);
      fill(told, el("p", { class: "notice" }, t("insight.taken")));
    } catch (error) {
      if (error.name !== "AbortError") fill(told, trouble(t, error));
    }
  }

  return {
    title: t("nav.insight"),
    node: el(
      "div",
      { class: "page" },
      el(
        "header",
        { class: "head" },
        el(
          "div",
          { class: "between" },
          el("h1", null, t("insight.title")),
          el("div", { class: "tools" }, ["graphml", "json"].map((kind) => el("button", { type: "button", onclick: () => take(kind) }, t(`insight.${kind}`)))),
        ),
        el("p", { class: "soft" }, t("insight.about", { people: format.count(found.people), at: format.moment(found.made_at) }), found.is_cut && ` ${t("insight.cut")}`),
      ),
      told,
      flows(context, found.flows),
      el("div", { class: "columns even" }, touchpoints(context, found.touchpoints), communities(context, found.communities)),
    ),
  };
}

function flows(context, found) {
  const { t } = context;
  return el(
    "section",
    { class: "card", "aria-labelledby": "flows-heading" },
    el("h2", { id: "flows-heading" }, t("flows.title")),
    found.length
      ? [
          el("p", { class: "soft small" }, t("flows.about")),
          el("div", { class: "scroll", tabindex: "0", role: "region", "aria-labelledby": "flows-heading" }, flowsOf(context, found)),
          el("details", null, el("summary", null, t("chart.table")), el("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": t("flows.title") }, flowTable(context, found))),
        ]
      : empty(t("flows.none")),
  );
}

function touchpoints({ t, format }, found) {
  const most = Math.max(1e-9, ...found.map((one) => one.effect));
  return el(
    "section",
    { class: "card", "aria-labelledby": "points-heading" },
    el("h2", { id: "points-heading" }, t("points.title")),
    el("p", { class: "soft small" }, t("points.about")),
    found.length
      ? el(
          "ol",
          { class: "bars points" },
          found.slice(0, 12).map((one) => {
            const bar = el("span", { class: "bar" });
            bar.style.width = `${(100 * Math.max(0, one.effect)) / most}%`;
            return el(
              "li",
              null,
              el("span", { class: "bar-name break" }, one.name, el("span", { class: "soft small block" }, t("points.journeys", { count: format.count(one.journeys) }))),
              el("span", { class: "bar-room" }, bar),
              el("span", { class: "bar-count" }, format.share(one.effect)),
            );
          }),
        )
      : el("p", { class: "soft" }, t("points.none")),
  );
}

function communities({ t, format, link }, found) {
  return el(
    "section",
    { class: "card", "aria-labelledby": "groups-heading" },
    el("h2", { id: "groups-heading" }, t("groups.title")),
    el("p", { class: "soft small" }, t("groups.about")),
    found.length
      ? el(
          "ul",
          { class: "plain allowed" },
          found.map((one) =>
            el(
              "li",
              null,
              el("div", { class: "between" }, el("span", { class: "strong" }, one.shares.length ? one.shares.join(", ") : t("groups.each_other")), el("span", null, t("groups.people", { count: format.count(one.people) }))),
              el("p", { class: "small soft" }, one.such_as.map((key, place) => [place > 0 && ", ", el("a", { href: link("people", key) }, key)])),
            ),
          ),
        )
      : el("p", { class: "soft" }, t("groups.none")),
  );
}
