// What is said where something went wrong, or where there is nothing.
import { el } from "../dom.js";

/** Say what went wrong and what to do; `again` tries once more. */
export function trouble(t, error, again) {
  const isProblem = "remedy" in error;
  return el(
    "div",
    { class: "notice bad", role: "alert" },
    el("p", null, isProblem ? error.message : t("trouble.network")),
    el("p", { class: "soft" }, isProblem ? error.remedy : String(error.message ?? error)),
    error.requestId && el("p", { class: "soft small" }, t("trouble.request", { id: error.requestId })),
    again && el("button", { type: "button", onclick: again }, t("again")),
  );
}

export function empty(text, ...more) {
  return el("div", { class: "empty" }, el("p", null, text), ...more);
}
