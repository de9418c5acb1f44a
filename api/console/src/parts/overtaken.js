// Somebody else saved the same record in between: who, when, and what can be done about it.
import { el } from "../dom.js";
import { saidOf } from "./said.js";

/** Whether a refusal says that the record is not what was seen. */
export const isOvertaken = (error) => error.status === 412;

/** Headers that have a record made only where there is none, or changed only where it still is what was seen. */
export const unless = (seen) => (seen ? { "If-Match": `"${seen.revision}"` } : { "If-None-Match": "*" });

/** Say it, with a button that loads what is there now, and a link to it where it is another record (`placeOf` gives its address). */
export function overtaken({ t, format }, error, { reload, placeOf }) {
  const [one] = error.errors;
  const { by, at } = one.values;
  const isTaken = one.kind.endsWith(".taken");
  const key = isTaken ? "overtaken.taken" : "overtaken.changed";
  const known = at && t(key, { key: one.values.key, by: by ?? t("overtaken.somebody"), at: format.moment(at) });
  return el(
    "div",
    { class: "notice bad", role: "alert", id: "overtaken" },
    el("p", null, known || saidOf(t, one)),
    el("p", { class: "soft" }, t(isTaken ? "overtaken.taken.do" : "overtaken.changed.do")),
    el(
      "div",
      { class: "tools" },
      isTaken && at ? el("a", { class: "button", href: placeOf(one.values) }, t("overtaken.open")) : el("button", { type: "button", onclick: reload }, t("overtaken.reload")),
    ),
  );
}
