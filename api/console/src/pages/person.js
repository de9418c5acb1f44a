// The journey of one person: what is allowed now, why and why not, the path as a picture, and one time line.
import { el, fill } from "../dom.js";
import { badge, toneOf } from "../parts/badge.js";
import { empty, trouble } from "../parts/notice.js";
import { timeline } from "../parts/timeline.js";
import { whyNot } from "../parts/why.js";

const at = (extId, what) => `/profiles/${encodeURIComponent(extId)}${what}`;

export async function page(context) {
  const { t, api, address, signal } = context;
  const extId = address.parts.slice(1).join("/");
  const [person, line, allowed] = await Promise.all([
    api.get(at(extId, ""), { signal }),
    api.get(at(extId, "/timeline"), { signal }),
    api.get(at(extId, "/allowed"), { query: { language: context.language }, signal }),
  ]);
  const picture = el("section", { class: "card", "aria-labelledby": "path-heading" });
  drawPath(context, picture, line);
  return {
    title: person.name ?? person.ext_id,
    node: el(
      "div",
      { class: "page" },
      head(context, person, line),
      el(
        "div",
        { class: "columns" },
        el("div", { class: "column main-column" }, picture, timeline(context, line, at(line.ext_id, "/timeline"))),
        el("div", { class: "column" }, allowedNow(context, allowed), whyNot(context, line.ext_id), known(context, person)),
      ),
    ),
  };
}

function head({ t, say }, person, line) {
  return el(
    "header",
    { class: "head" },
    el("h1", null, person.name ?? person.ext_id),
    el(
      "p",
      { class: "soft" },
      el("span", { class: "mono" }, person.ext_id),
      " ",
      badge(say("status", person.status), toneOf(person.status)),
      line.ext_id !== person.ext_id && el("span", null, " ", t("person.merged", { into: line.ext_id })),
      line.profiles > 1 && el("span", null, " ", t("person.profiles", { count: line.profiles })),
    ),
  );
}

function allowedNow({ t, say, format }, allowed) {
  const order = (one) => (one.is_allowed ? 0 : one.is_connected ? 1 : 2);
  const shown = allowed.channels.filter((one) => one.is_connected).sort((a, b) => order(a) - order(b));
  const rest = allowed.channels.filter((one) => !one.is_connected);
  return el(
    "section",
    { class: "card", "aria-labelledby": "allowed-heading" },
    el("h2", { id: "allowed-heading" }, t("allowed.title")),
    !shown.length && el("p", { class: "soft" }, t("allowed.no_channel")),
    el(
      "ul",
      { class: "plain allowed" },
      shown.map((one) => {
        const tone = one.is_allowed ? "good" : one.wait_until ? "wait" : "bad";
        const state = one.is_allowed ? "yes" : one.wait_until ? "later" : "no";
        return el(
          "li",
          null,
          el("div", { class: "between" }, el("span", { class: "strong" }, say("channel", one.channel)), badge(t(`allowed.${state}`), tone)),
          !one.is_allowed &&
            el(
              "p",
              { class: "soft small" },
              one.wait_until && [t("allowed.until", { at: format.moment(one.wait_until) }), " · "],
              one.reasons.map((reason) => say("gate", reason.gate)).join(", "),
            ),
          one.reasons.length > 0 &&
            el(
              "details",
              { class: "small" },
              el("summary", null, t("allowed.evidence")),
              one.reasons.map((reason) => el("p", { class: "soft" }, el("span", { class: "strong" }, say("gate", reason.gate)), ` · ${reason.rule}`, t.language === "en" && reason.text !== reason.rule && ` ${reason.text}`)),
            ),
        );
      }),
    ),
    rest.length > 0 &&
      el("p", { class: "soft small" }, t("allowed.unconnected", { channels: rest.map((one) => say("channel", one.channel)).join(", ") })),
  );
}

function known({ t, say, format }, person) {
  const attributes = Object.entries(person.attributes);
  return el(
    "section",
    { class: "card", "aria-labelledby": "known-heading" },
    el("h2", { id: "known-heading" }, t("known.title")),
    el("h3", null, t("known.addresses")),
    person.addresses.length
      ? el(
          "ul",
          { class: "plain" },
          person.addresses.map((one) =>
            el(
              "li",
              { class: "between" },
              el("span", { class: "mono break" }, one.value),
              el("span", null, badge(say("channel", one.channel)), !one.valid && [" ", badge(t("known.invalid"), "bad")]),
            ),
          ),
        )
      : el("p", { class: "soft" }, t("known.no_address")),
    el("h3", null, t("known.consents")),
    person.consents.length
      ? el(
          "ul",
          { class: "plain" },
          person.consents.map((one) =>
            el(
              "li",
              { class: "between" },
              el("span", null, one.channel ? say("channel", one.channel) : t("known.every_channel"), el("span", { class: "soft" }, ` · ${one.purpose}`)),
              el("span", { title: format.moment(one.at) }, badge(t(one.granted ? "known.granted" : "known.withdrawn"), one.granted ? "good" : "bad")),
            ),
          ),
        )
      : el("p", { class: "soft" }, t("known.no_consent")),
    attributes.length > 0 && [
      el("h3", null, t("known.attributes")),
      el(
        "dl",
        { class: "pairs" },
        attributes.map(([name, value]) => [
          el("dt", null, name),
          el("dd", { class: "break" }, typeof value === "object" ? JSON.stringify(value) : String(value)),
        ]),
      ),
    ],
  );
}

/** Say where those journeys are that no query finds. */
function where({ t, format }, trace) {
  const since = trace.journeys.filter((one) => one.archived).map((one) => one.archived_at).sort();
  if (!since.length) return null;
  return el("p", { class: "soft small", id: "path-archived" }, t("archive.journeys", { count: format.count(since.length), at: format.day_of(since.at(-1)) }));
}

async function drawPath(context, section, line) {
  const { t, api, signal } = context;
  const heading = el("h2", { id: "path-heading" }, t("path.title"));
  const inside = el("div", null, el("p", { class: "waiting" }, t("loading")));
  fill(section, heading, inside);
  try {
    const trace = await api.get(`/trace/profile/${encodeURIComponent(line.profile_id)}`, { query: { newest: 8 }, signal });
    if (!trace.journeys.length) fill(inside, empty(t("path.none")));
    else fill(inside, (await import("../parts/path.js")).pathPicture(context, trace), where(context, trace));
  } catch (error) {
    if (error.name !== "AbortError") fill(inside, trouble(t, error));
  }
}
