// One campaign: its funnel live, the gates that took people out, the control group, a forecast, and what stops it.
import { el, fill } from "../dom.js";
import { badge, toneOf } from "../parts/badge.js";
import { confirmed } from "../parts/confirm.js";
import { courseOf } from "../parts/course.js";
import { funnelOf } from "../parts/funnel.js";
import { liftOf } from "../parts/lift.js";
import { madeOf } from "../parts/made.js";
import { trouble } from "../parts/notice.js";
import { steps } from "../parts/steps.js";

const VERBS = {
  draft: ["activate", "cancel"],
  active: ["pause", "cancel"],
  paused: ["resume", "cancel"],
  ended: [],
};

export async function page(context) {
  const { t, api, address, signal } = context;
  const path = `/campaigns/${encodeURIComponent(address.parts[1])}`;
  const [campaign, funnel] = await Promise.all([api.get(path, { signal }), api.get(`${path}/funnel`, { signal })]);
  const live = el("section", { class: "card", "aria-labelledby": "funnel-heading" });
  const told = el("div", { role: "status" });
  const tools = el("div", { class: "tools" });
  const state = el("span");
  const lift = el("section", { class: "card", "aria-labelledby": "lift-heading" });
  const course = courseOf(context, path);
  const ran = el("section", { class: "card", "aria-labelledby": "runs-heading" });
  let status = campaign.status;
  let known = standing(funnel);
  let isFirst = true;

  function show(found) {
    fill(live, funnelOf(context, found));
    if (!isFirst) course.again();
    isFirst = false;
    if (standing(found) !== known) {
      known = standing(found);
      look();
    }
    if (found.status !== status) {
      status = found.status;
      stand();
    }
  }

  function stand() {
    fill(state, badge(context.say("status", status), toneOf(status)));
    const verbs = context.may("activate") ? VERBS[status] : [];
    const isOpen = context.may("write") && (status === "draft" || status === "paused");
    fill(
      tools,
      isOpen && el("a", { class: "button", href: context.link("campaigns", campaign.campaign_id, "change") }, t("campaign.change")),
      verbs.map((verb) =>
        el(
          "button",
          { type: "button", class: verb === "cancel" ? "danger" : verb === "pause" ? "" : "main", onclick: () => act(verb) },
          t(`campaign.${verb}`),
        ),
      ),
    );
  }

  async function act(verb) {
    if (!(await confirmed(context, t(`campaign.${verb}.sure`), t(`campaign.${verb}`)))) return;
    try {
      const done = await api.post(`${path}/${verb}`, {}, { signal });
      status = (done.campaign ?? done).status;
      stand();
      fill(told, el("p", { class: "notice" }, t(`campaign.${verb}.done`)));
      look();
    } catch (error) {
      fill(told, trouble(t, error));
    }
  }

  async function follow() {
    try {
      await api.follow(`${path}/live`, (event, found) => event === "funnel" && show(found), signal);
    } catch (error) {
      if (error.name === "AbortError" || signal.aborted) return;
    }
    if (!signal.aborted) setTimeout(() => !signal.aborted && follow(), 3000);
  }

  async function compare() {
    try {
      fill(lift, liftOf(context, await api.get(`${path}/lift`, { signal })));
    } catch (error) {
      if (error.name !== "AbortError") fill(lift, trouble(t, error, compare));
    }
  }

  // What nobody tells of by itself.
  function look() {
    compare();
    count();
  }

  async function count() {
    try {
      fill(ran, runsOf(context, await api.get(`${path}/runs`, { query: { limit: 10 }, signal })));
    } catch (error) {
      if (error.name !== "AbortError") fill(ran, trouble(t, error, count));
    }
  }

  show(funnel);
  stand();
  compare();
  await count();
  follow();
  return {
    title: campaign.name,
    node: el(
      "div",
      { class: "page" },
      el(
        "header",
        { class: "head" },
        el("div", { class: "between" }, el("h1", null, campaign.name), tools),
        el("p", { class: "soft" }, el("span", { class: "mono" }, campaign.key), " ", state, " ", about(context, campaign)),
      ),
      told,
      el(
        "div",
        { class: "columns" },
        el("div", { class: "column main-column" }, live, course.node, lift),
        el("div", { class: "column" }, madeOf(context, campaign), forecast(context, path, status), ran),
      ),
    ),
  };
}

// While it moves one look is enough; at rest each change is worth another.
function standing({ is_moving: isMoving, decided, deliveries, bought }) {
  return isMoving ? "moving" : `${decided} ${deliveries.sent ?? 0} ${bought}`;
}

function about({ t, format }, campaign) {
  const parts = [
    campaign.trigger_type && t("campaigns.on_event", { type: campaign.trigger_type }),
    campaign.trigger_segment && t(`campaign.on_${campaign.trigger_change}`, { segment: campaign.trigger_segment }),
    campaign.control_share > 0 && t("campaign.control", { share: format.share(campaign.control_share) }),
    campaign.ends_at && t("campaign.until", { at: format.moment(campaign.ends_at) }),
  ].filter(Boolean);
  return parts.map((part) => ` · ${part}`).join("");
}

function forecast(context, path, status) {
  const { t, say, api, format, signal } = context;
  const told = el("div", { "aria-live": "polite" });
  const button = el("button", { type: "button", onclick: ask }, t("forecast.ask"));

  async function ask() {
    button.disabled = true;
    fill(told, el("p", { class: "waiting", role: "status" }, t("forecast.asking")));
    try {
      const found = await api.post(`${path}/forecast`, {}, { signal });
      fill(
        told,
        el(
          "dl",
          { class: "pairs figures-list" },
          el("dt", null, t("forecast.people")),
          el("dd", null, format.count(found.people)),
          Object.entries(found.expected).map(([action, count]) => [el("dt", null, t(`forecast.${action}`)), el("dd", null, format.count(count))]),
        ),
        found.share < 1 && el("p", { class: "soft small" }, t("forecast.sample", { share: format.share(found.share) })),
        el("p", { class: "small strong" }, t("forecast.candidates")),
        steps(context, found.funnel),
        Object.keys(found.channels).length > 0 &&
          el("p", { class: "soft small" }, Object.entries(found.channels).map(([channel, count]) => `${say("channel", channel)}: ${format.count(count)}`).join(" · ")),
      );
    } catch (error) {
      if (error.name !== "AbortError") fill(told, trouble(t, error));
    }
    button.disabled = false;
  }

  return el(
    "section",
    { class: "card", "aria-labelledby": "forecast-heading" },
    el("h2", { id: "forecast-heading" }, t("forecast.title")),
    el("p", { class: "soft small" }, t(status === "draft" ? "forecast.before" : "forecast.now")),
    button,
    told,
  );
}

function runsOf({ t, say, format }, found) {
  return [
    el("h2", { id: "runs-heading" }, t("runs.title")),
    found.items.length
      ? el(
          "ul",
          { class: "plain" },
          found.items.map((run) =>
            el(
              "li",
              null,
              el("div", { class: "between" }, el("span", null, say("run", run.kind)), badge(say("run", run.status), toneOf(run.status))),
              el(
                "p",
                { class: "soft small" },
                format.moment(run.created_at),
                ` · ${t("runs.decisions", { count: format.count(run.decisions) })}`,
                Object.entries(run.arbiters).map(([arbiter, count]) => ` · ${t(arbiter === "nobody" ? "runs.nobody" : "runs.chosen", { arbiter: say("arbiter", arbiter), count: format.count(count) })}`),
              ),
            ),
          ),
        )
      : el("p", { class: "soft" }, t("runs.none")),
  ];
}
