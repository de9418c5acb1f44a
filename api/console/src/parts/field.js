// A labelled field with its hint, and the place where what is wrong with it is said.
import { el, fill } from "../dom.js";

/** Give `{node, fault, control}`; `fault` says what is wrong with the field, or that nothing is. */
export function field({ id, label, hint, beside }, control, ...more) {
  const told = el("p", { id: `${id}-fault`, class: "fault", hidden: true });
  control.id = id;
  control.setAttribute("aria-describedby", hint ? `${id}-hint ${id}-fault` : `${id}-fault`);
  return {
    node: el(
      "div",
      { class: "field" },
      el("label", { for: id }, label),
      beside ? el("div", { class: "side-by-side" }, control, beside) : control,
      hint && el("p", { id: `${id}-hint`, class: "soft small" }, hint),
      told,
      ...more,
    ),
    fault(text) {
      told.hidden = !text;
      fill(told, text);
      if (text) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    },
    control,
  };
}

/** Give a list to choose from: `options` are `[value, text]`, the chosen one `value`. */
export function choice(options, value, onchange) {
  const list = el(
    "select",
    { onchange: () => onchange(list.value) },
    options.map(([each, text]) => el("option", { value: each, selected: each === value }, text)),
  );
  return list;
}

/** Give a choice of one among few, all of them seen at once. */
export function radios({ name, label, options, value }, onchange) {
  return el(
    "fieldset",
    null,
    el("legend", null, label),
    options.map(([each, text]) =>
      el(
        "label",
        { class: "option" },
        el("input", { type: "radio", name, value: each, checked: each === value, onchange: () => onchange(each) }),
        text,
      ),
    ),
  );
}
