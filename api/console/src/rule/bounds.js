// When something was and how often: instants, spans of time, and ranges with one end or both.
import { el } from "../dom.js";
import { isNumber } from "../json.js";
import { amount, marked, pick, together, words } from "./controls.js";
import { isDay, isObject, momentOf } from "./shapes.js";

const BOUNDS = ["ago", "ahead", "day", "moment"];

const isMinus = (value) => isNumber(value) && String(value).startsWith("-");

function modeOf(value) {
  if (isObject(value)) return isMinus(value.days_ago) ? "ahead" : "ago";
  return value === "" || isDay(value) ? "day" : "moment";
}

/** An instant: a day, a moment of the tenant's clock, or so many days before or after now. */
export function bound(form, value, { part, label, set }) {
  const { t, format } = form;
  const mode = modeOf(value);

  function begin(wanted) {
    const now = new Date().toISOString();
    set({ ago: { days_ago: 30 }, ahead: { days_ago: -7 }, day: now.slice(0, 10), moment: now }[wanted]);
    form.redraw();
  }

  function control() {
    if (mode === "ago") return amount(value.days_ago, { part: `${part}.days_ago`, label, set: (days) => set({ days_ago: days }) });
    if (mode === "ahead") return amount(value.days_ago, { part: `${part}.days_ago`, label, isMinus: true, set: (days) => set({ days_ago: days }) });
    const isOnDay = mode === "day";
    const input = el("input", {
      type: isOnDay ? "date" : "datetime-local",
      title: t(isOnDay ? "segment.bound.utc" : "segment.bound.zone", { zone: form.zone }),
      value: isOnDay ? value : format.wall(momentOf(value)),
      oninput: () => set(isOnDay ? input.value : (format.instant(input.value) ?? "")),
    });
    return marked(input, part, label);
  }

  return [
    pick(mode, { part: `${part} mode`, label: t("segment.bound"), options: BOUNDS.map((one) => [one, t(`segment.bound.${one}`)]), set: begin }),
    control(),
  ];
}

const SPANS = {
  any: [],
  last: ["in_last_days"],
  after: ["after"],
  before: ["before"],
  between: ["after", "before"],
  last_before: ["in_last_days", "before"],
};
const SPAN_KEYS = ["in_last_days", "after", "before"];
const NEW_SPAN = { in_last_days: 30, after: { days_ago: 30 }, before: { days_ago: 0 } };

/** When it has to have been: the keys after, before and in_last_days of a condition. */
export function span(form) {
  const { t } = form;
  const { document } = form;
  const given = SPAN_KEYS.filter((key) => Object.hasOwn(document, key));
  const mode = Object.keys(SPANS).find((one) => SPANS[one].length === given.length && SPANS[one].every((key) => given.includes(key)));

  function begin(wanted) {
    const next = SPAN_KEYS.map((key) => [key, SPANS[wanted].includes(key) ? (form.document[key] ?? NEW_SPAN[key]) : undefined]);
    form.put(Object.fromEntries(next));
    form.redraw();
  }

  const chooser = pick(mode, { part: "span mode", label: t("segment.span"), options: Object.keys(SPANS).map((one) => [one, t(`segment.span.${one}`)]), set: begin });
  return [
    chooser,
    given.map((key) => {
      const said = t(`segment.span.key.${key}`);
      const box = { part: key, label: said, set: (value) => form.put({ [key]: value }) };
      if (key === "in_last_days") return amount(document[key], box);
      return [given.length > 1 && words(said), bound(form, document[key], box)];
    }),
  ];
}

/** A span is shown where the API takes it: not with both `after` and `in_last_days`. */
export const isOneSpan = (document) => !(Object.hasOwn(document, "after") && Object.hasOwn(document, "in_last_days"));

/** A number from, to, or both, under `key` of a condition; `named` are modes with a value of their own: `{never: {at_most: 0}}`. */
export function ends(form, key, [low, high], { label, unit, named, begin, absent }) {
  const { t } = form;
  const value = form.document[key];
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
  const mode = value === undefined ? "absent" : (Object.keys(named).find((one) => same(named[one], value)) ?? shapeOf(value));

  function shapeOf({ [low]: from, [high]: to }) {
    if (from === undefined) return "most";
    if (to === undefined) return "least";
    return String(from) === String(to) ? "exactly" : "between";
  }

  function choose(wanted) {
    const was = form.document[key] ?? {};
    const from = was[low] ?? (was[high] || begin);
    const made = { absent: undefined, most: { [high]: from }, least: { [low]: from }, exactly: { [low]: from, [high]: from }, between: { [low]: from, [high]: was[high] ?? from } };
    // One that both ends share is "exactly": the second end begins a little further.
    if (wanted === "between" && String(made.between[low]) === String(made.between[high]) && typeof from === "number") made.between[high] = from + begin;
    form.put({ [key]: wanted in named ? named[wanted] : made[wanted] });
    form.redraw();
  }

  const put = (end) => (typed) => form.put({ [key]: mode === "exactly" ? { [low]: typed, [high]: typed } : { ...form.document[key], [end]: typed } });
  const shown = { least: [low], most: [high], exactly: [low], between: [low, high] }[mode] ?? [];
  const modes = ["absent", ...Object.keys(named), "least", "most", "exactly", "between"].filter((one) => one !== "absent" || absent);
  return [
    pick(mode, { part: `${key} mode`, label, options: modes.map((one) => [one, t(one === "absent" ? absent : `segment.ends.${one}`)]), set: choose }),
    shown.length > 0 && together(shown.map((end, index) => [index > 0 && words("–"), amount(value[end], { part: `${key}.${end}`, label, set: put(end) })]), words(unit)),
  ];
}
