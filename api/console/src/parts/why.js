// Why, or why not: one campaign asked about one person.
import { el, fill } from "../dom.js";
import { badge, toneOf } from "./badge.js";
import { trouble } from "./notice.js";
import { steps } from "./steps.js";

export function whyNot(context, extId) {
  const { t, api, signal } = context;
  const told = el("div", { "aria-live": "polite" });
  const choice = el("select", { id: "why-campaign", onchange: () => ask() }, el("option", { value: "" }, t("why.choose")));

  async function ask() {
    if (!choice.value) {
      fill(told);
      return;
    }
    fill(told, el("p", { class: "waiting", role: "status" }, t("loading")));
    try {
      const query = { campaign_id: choice.value, language: context.language };
      fill(told, answer(context, await api.get(`/profiles/${encodeURIComponent(extId)}/why-not`, { query, signal })));
    } catch (error) {
      if (error.name !== "AbortError") fill(told, trouble(t, error, ask));
    }
  }

  async function load() {
    try {
      const page = await api.get("/campaigns", { query: { limit: 500 }, signal });
      choice.append(...page.items.map((one) => el("option", { value: one.campaign_id }, one.name)));
    } catch (error) {
      if (error.name !== "AbortError") fill(told, trouble(t, error, load));
    }
  }

  load();
  return el(
    "section",
    { class: "card", "aria-labelledby": "why-heading" },
    el("h2", { id: "why-heading" }, t("why.title")),
    el("label", { for: "why-campaign", class: "unseen" }, t("why.campaign")),
    choice,
    told,
  );
}

function answer(context, told) {
  const { t, say, format } = context;
  const { now } = told;
  return [
    el("p", { class: "lead" }, told.sentence),
    el(
      "p",
      { class: "small" },
      t("why.now"),
      " ",
      badge(say("action", now.action), toneOf(now.action)),
      now.reason !== "chosen" && [" ", say("gate", now.reason)],
      now.wait_until && [" · ", t("allowed.until", { at: format.moment(now.wait_until) })],
    ),
    now.funnel.length > 0 && steps(context, now.funnel),
    told.segment &&
      el(
        "p",
        { class: "soft small" },
        t(told.segment.holds ? "why.in_segment" : "why.not_in_segment", { segment: told.segment.key, version: told.segment.version }),
      ),
  ];
}
