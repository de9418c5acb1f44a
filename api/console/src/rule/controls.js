// The small fields of a condition: each is labelled for who does not see it, and names the part of the rule that it writes.
import { el } from "../dom.js";
import { numberOf } from "../json.js";
import { isText } from "./shapes.js";

/** Words between fields. */
export const words = (text) => el("span", { class: "rule-words" }, text);

/** Fields that stay in one line. */
export const together = (...fields) => el("span", { class: "rule-together" }, fields);

/** Mark a field with the part that it writes, by which faults and focus find it. */
export function marked(control, part, label) {
  control.dataset.part = part;
  if (label) control.setAttribute("aria-label", label);
  return control;
}

/** A text; `set` is told as it is typed. */
export function text(value, { part, label, list, hint, isLong, set }) {
  const input = el(isLong ? "textarea" : "input", {
    class: isLong ? "mono" : null,
    rows: isLong ? "3" : null,
    list,
    placeholder: hint ?? label,
    autocomplete: "off",
    spellcheck: "false",
    value,
    oninput: () => set(input.value),
  });
  return marked(input, part, label);
}

/** Read an amount as it was typed: a number, or the text, for the API to say what is wrong with it. */
export function amountOf(typed) {
  const bare = typed.trim();
  return numberOf(bare) ?? (/^[+-]?(?:\d+\.?\d*|\.\d+)$/.test(bare) ? Number(bare) : bare);
}

/** An amount; it is a field of text, because one of numbers forgets what it cannot read. */
export function amount(value, { part, label, set, isMinus = false }) {
  const shown = String(value);
  const flipped = isMinus ? (shown.startsWith("-") ? shown.slice(1) : shown && shown !== "0" ? `-${shown}` : shown) : shown;
  const input = el("input", {
    class: "rule-amount",
    inputmode: "decimal",
    autocomplete: "off",
    placeholder: "0",
    value: flipped,
    oninput: () => {
      const read = amountOf(input.value);
      set(isMinus && typeof read === "number" ? 0 - read : read);
    },
  });
  return marked(input, part, label);
}

/** One of a few; `options` are `[value, text]`, or `[text, options]` with a heading above them. */
export function pick(value, { part, label, options, set }) {
  const option = ([each, said]) => el("option", { value: each, selected: each === value }, said);
  const list = el(
    "select",
    { onchange: () => set(list.value) },
    options.map((one) => (Array.isArray(one[1]) ? el("optgroup", { label: one[0] }, one[1].map(option)) : option(one))),
  );
  return marked(list, part, label);
}

/** Options with the one that is chosen among them, also where it is known no more. */
export const including = (options, value) => (value === undefined || value === "" || options.some(([one]) => one === value) ? options : [...options, [value, value]]);

/** Some of a few words, each a button that is pressed or not. */
export function pills(chosen, { part, label, options, set }) {
  const held = new Set(chosen);
  return el(
    "div",
    { class: "pills", role: "group", "aria-label": label },
    options.map(([value, said]) => {
      const button = el(
        "button",
        {
          type: "button",
          class: "pill",
          "aria-pressed": String(held.has(value)),
          onclick: () => {
            if (!held.delete(value)) held.add(value);
            button.setAttribute("aria-pressed", String(held.has(value)));
            set(options.map(([one]) => one).filter((one) => held.has(one)));
          },
        },
        said,
      );
      return marked(button, part);
    }),
  );
}

const TYPES = ["text", "number", "flag", "null"];

export function typeOf(value) {
  if (value === null) return "null";
  if (typeof value === "boolean") return "flag";
  return isText(value) ? "text" : "number";
}

/** A value with its type: to a rule the text 5 and the number 5 are two things. */
export function scalar({ t }, value, { part, label, list, set, types = TYPES }) {
  const place = el("span", { class: "rule-scalar" });
  let type = typeOf(value);
  let held = value;

  function put(next) {
    held = next;
    set(next);
  }

  function control() {
    if (type === "null") return null;
    if (type === "flag") {
      const options = ["true", "false"].map((one) => [one, t(`segment.flag.${one}`)]);
      return pick(String(held), { part, label, options, set: (one) => put(one === "true") });
    }
    if (type === "text") return text(held, { part, label, list, hint: t("segment.value"), set: put });
    const field = amount(held, { part, label, set: put });
    // What is no number is a text, and says so.
    field.addEventListener("change", () => isText(held) && change("text"));
    return field;
  }

  function change(wanted) {
    const said = held === null || typeof held === "boolean" ? "" : String(held);
    type = wanted;
    chooser.value = wanted;
    put({ text: said, number: amountOf(said), flag: true, null: null }[wanted]);
    draw();
  }

  const chooser = pick(type, { part: `${part} type`, label: t("segment.type"), options: types.map((one) => [one, t(`segment.type.${one}`)]), set: change });
  chooser.className = "rule-type";

  function draw() {
    place.replaceChildren(...[control(), types.length > 1 && chooser].filter(Boolean));
  }

  draw();
  return place;
}
