// A campaign's funnel as bars, each with its number and its share of the audience or of what was sent, and who was taken out by which gate.
import { el } from "../dom.js";
import { badge } from "./badge.js";

const STAGES = ["audience", "eligible", "sends", "sent", "delivered", "opened", "clicked", "bought"];
const SENT = STAGES.indexOf("sent");

export function funnelOf({ t, say, format }, found) {
  const numbers = { ...found, sent: found.deliveries.sent ?? 0 };
  const most = Math.max(1, ...STAGES.map((stage) => numbers[stage]));
  const other = Object.entries(found.deliveries).filter(([status, count]) => status !== "sent" && count > 0);
  return [
    el(
      "div",
      { class: "between" },
      el("h2", { id: "funnel-heading" }, t("funnel.title")),
      found.is_moving ? el("span", { class: "badge wait live" }, t("funnel.live")) : el("span", { class: "soft small" }, t("funnel.still")),
    ),
    found.decided < found.audience &&
      el("p", { class: "soft small" }, t("funnel.progress", { decided: format.count(found.decided), audience: format.count(found.audience) })),
    el(
      "ol",
      { class: "bars" },
      STAGES.map((stage, place) => {
        // Whoever buys need not have clicked, so a stage is compared with all who could come that far.
        const of = place === 0 ? null : numbers[place <= SENT ? "audience" : "sent"];
        const bar = el("span", { class: "bar" });
        bar.style.width = `${(100 * numbers[stage]) / most}%`;
        return el(
          "li",
          { "data-stage": stage, "data-count": numbers[stage] },
          el("span", { class: "bar-name" }, t(`stage.${stage}`)),
          el("span", { class: "bar-room" }, bar),
          el("span", { class: "bar-count" }, format.count(numbers[stage])),
          el("span", { class: "bar-share soft" }, of ? format.share(numbers[stage] / of) : ""),
        );
      }),
    ),
    other.length > 0 &&
      el("p", { class: "small" }, t("funnel.others"), other.map(([status, count]) => [" ", badge(`${say("delivery", status)} ${format.count(count)}`, "plain")])),
    (found.unsubscribed > 0 || found.bounced > 0 || found.complained > 0) &&
      el(
        "p",
        { class: "small" },
        t("funnel.unwanted"),
        ["unsubscribed", "bounced", "complained"].filter((kind) => found[kind] > 0).map((kind) => [" ", badge(`${say("outcome", kind)} ${format.count(found[kind])}`, "bad")]),
      ),
    found.value > 0 && el("p", { class: "soft small" }, t("funnel.value", { value: format.number(found.value) })),
    el("h3", null, t("funnel.held")),
    found.held.length
      ? el(
          "table",
          { class: "figures" },
          el("thead", null, el("tr", null, [t("funnel.gate"), t("funnel.how"), t("funnel.people")].map((name) => el("th", { scope: "col" }, name)))),
          el(
            "tbody",
            null,
            found.held.map((one) =>
              el(
                "tr",
                null,
                el("th", { scope: "row" }, say("gate", one.gate)),
                el("td", null, badge(t(one.action === "wait" ? "funnel.waits" : "funnel.out"), one.action === "wait" ? "wait" : "plain")),
                el("td", null, format.count(one.people)),
              ),
            ),
          ),
        )
      : el("p", { class: "soft small" }, t("funnel.nothing")),
  ];
}
