// What a person did, and what came of messages to them: of which kind, how often, when.
import { el } from "../dom.js";
import { chips } from "./chips.js";
import { ends, isOneSpan, span } from "./bounds.js";
import { including, pick, pills, together, words } from "./controls.js";
import { more, pairs } from "./pairs.js";
import { isAmount, isBound, isEnds, isPairs, isText, isTextOrTexts, looks } from "./shapes.js";

const WHEN = { after: isBound, before: isBound, in_last_days: isAmount, count: isEnds("at_least", "at_most") };

/** One is written alone, several as a list. */
const oneOrMany = (values) => (values.length === 1 ? values[0] : values);

function often(form) {
  const { t } = form;
  return ends(form, "count", ["at_least", "at_most"], {
    label: t("segment.count"),
    unit: t("segment.times"),
    named: { never: { at_most: 0 } },
    begin: 1,
    absent: "segment.ends.once",
  });
}

export const event = {
  name: "event",
  blank: () => ({ event: "" }),
  fits: (document) =>
    looks(document, { event: isTextOrTexts }, { ...WHEN, where: isPairs, recency: isEnds("at_least_days", "at_most_days") }) && isOneSpan(document),
  draw(form) {
    const { t, document, known } = form;
    const types = [document.event].flat().filter((one) => one !== "");
    return [
      chips(form, types, { part: "event", label: t("segment.event.types"), list: "rule-events", hint: t("segment.event.hint"), set: (values) => form.put({ event: values.length ? oneOrMany(values) : "" }) }),
      often(form),
      span(form),
      document.recency !== undefined && [
        words(t("segment.recency")),
        ends(form, "recency", ["at_least_days", "at_most_days"], { label: t("segment.recency"), unit: t("segment.recency.unit"), named: {}, begin: 7, absent: "segment.recency.none" }),
      ],
      document.where !== undefined && together(words(t("segment.where")), pairs(form, "where", { label: t("segment.where"), names: known.attributesOf(types) })),
      el(
        "span",
        { class: "rule-mores" },
        more(form, t("segment.where.more"), ({ where }) => ({ where: { ...where, "": "" } })),
        document.recency === undefined && more(form, t("segment.recency.more"), () => ({ recency: { at_most_days: 30 } })),
      ),
    ];
  },
};

export const outcome = {
  name: "outcome",
  blank: () => ({ outcome: "read" }),
  fits: (document) =>
    looks(document, { outcome: isTextOrTexts }, { ...WHEN, campaign: isText, channel: isText }) && isOneSpan(document),
  draw(form) {
    const { t, say, document, known, channels } = form;
    const chosen = [document.outcome].flat();
    const options = [...new Set([...known.words.outcomes, ...chosen])].map((one) => [one, say("outcome", one)]);
    const optional = (key, any, given) =>
      pick(document[key] ?? "", { part: key, label: any, options: [["", any], ...including(given, document[key])], set: (value) => form.put({ [key]: value || undefined }) });
    return [
      pills(chosen, { part: "outcome", label: t("segment.kind.outcome"), options, set: (values) => form.put({ outcome: oneOrMany(values) }) }),
      often(form),
      optional("campaign", t("segment.campaign.any"), known.campaigns),
      optional("channel", t("segment.channel.any"), channels),
      span(form),
    ];
  },
};
