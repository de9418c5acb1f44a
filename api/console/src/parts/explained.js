// A decision explained: the sentence, the funnel of candidates, and each candidate with what stood against it.
import { el } from "../dom.js";
import { badge } from "./badge.js";

export function explained(context, told) {
  const { t, say } = context;
  return [
    el("p", { class: "lead" }, told.summary),
    el("ul", { class: "plain candidates" }, told.candidates.map((one) => candidate(context, one))),
    el(
      "p",
      { class: "soft small" },
      t(policyOf(told.policy), { policy: told.policy, version: told.policy_version }),
      // Where a gate left nothing, nobody had to choose.
      told.reason === "chosen" && ` · ${t("explained.arbiter", { arbiter: say("arbiter", told.arbiter) })}`,
      " · ",
      t(told.inputs_verified ? "explained.verified" : "explained.unverified"),
      " · ",
      t(told.replays ? "explained.replays" : "explained.differs"),
    ),
  ];
}

function policyOf(key) {
  if (key === null || key === undefined || key === "default") return "explained.policy.default";
  return key.startsWith("campaign:") ? "explained.policy.own" : "explained.policy";
}

export function candidate({ t, say, format }, one) {
  const name = one.action === "send" ? `${say("channel", one.channel)} · ${one.template} v${one.template_version}` : say("action", one.action);
  const state = one.chosen ? ["explained.chosen", "good"] : one.eligible ? ["explained.eligible", "plain"] : ["explained.refused", one.wait_until ? "wait" : "bad"];
  return el(
    "li",
    null,
    el("div", { class: "between" }, el("span", { class: "strong" }, name), badge(t(state[0]), state[1])),
    one.reasons.map((reason) =>
      el(
        "p",
        { class: "small" },
        el("span", { class: "strong" }, say("gate", reason.gate)),
        el("span", { class: "soft" }, ` · ${reason.rule || reason.text}`),
        reason.until && el("span", { class: "soft" }, ` · ${t("allowed.until", { at: format.moment(reason.until) })}`),
      ),
    ),
    one.probability !== null && one.probability !== undefined && el("p", { class: "soft small" }, t("explained.probability", { share: format.share(one.probability) })),
  );
}
