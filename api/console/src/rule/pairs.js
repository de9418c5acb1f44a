// Names with values that have to be so: the attributes of an event, the parameters of a graph pattern.
import { el } from "../dom.js";
import { scalar, text, words } from "./controls.js";

/** Show the pairs under `key` of a condition; `names` are offered. */
export function pairs(form, key, { label, names }) {
  const { t } = form;
  const list = `rule-${key}-${form.id}`;
  const held = Object.entries(form.document[key] ?? {});

  function put(place, at, typed) {
    held[place][at] = typed;
    form.put({ [key]: Object.fromEntries(held) });
  }

  function drop(place) {
    held.splice(place, 1);
    form.put({ [key]: held.length ? Object.fromEntries(held) : undefined });
    form.redraw();
  }

  return el(
    "ul",
    { class: "rule-pairs", "aria-label": label },
    held.map(([name, value], place) =>
      el(
        "li",
        null,
        text(name, { part: key, label: t("segment.pair.name"), list, set: (typed) => put(place, 0, typed) }),
        words("="),
        scalar(form, value, { part: `${key}.${name}`, label: `${t("segment.value")}: ${name}`, set: (typed) => put(place, 1, typed) }),
        el("button", { type: "button", class: "quiet square", "aria-label": `${t("compose.remove")}: ${name || t("segment.pair.name")}`, onclick: () => drop(place) }, "×"),
      ),
    ),
    el("datalist", { id: list }, names.map((one) => el("option", { value: one }))),
  );
}

/** A button that begins something more of a condition: `begun` gives what is put into it. */
export function more(form, said, begun) {
  function begin() {
    form.put(begun(form.document));
    form.redraw();
  }

  return el("button", { type: "button", class: "quiet small rule-more", onclick: begin }, `+ ${said}`);
}
