// What is said where something went wrong, or where there is nothing.
import { el } from "../dom.js";
import { refusal } from "./said.js";

/** Say what went wrong and what to do; `again` tries once more. */
export function trouble(t, error, again) {
  const isProblem = "remedy" in error;
  const isEnglish = t.language === "en";
  const { text, isGeneral } = refusal(t, error);
  return el(
    "div",
    { class: "notice bad", role: "alert" },
    el("p", null, isProblem && isEnglish ? error.message : text),
    isProblem && isEnglish && el("p", { class: "soft" }, error.remedy),
    !isProblem && el("p", { class: "soft" }, String(error.message ?? error)),
    isProblem && isGeneral && el("p", { class: "soft small", lang: "en" }, `${error.message} ${error.remedy}`),
    // Who sent something wrong mends it; whoever looks into the log needs the number.
    error.requestId && (isGeneral || error.status >= 500) && el("p", { class: "soft small" }, t("trouble.request", { id: error.requestId })),
    again && el("button", { type: "button", onclick: again }, t("again")),
  );
}

export function empty(text, ...more) {
  return el("div", { class: "empty" }, el("p", null, text), ...more);
}
