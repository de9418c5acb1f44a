// Asks before something happens that reaches people or cannot be undone.
import { el } from "../dom.js";

/** Show a dialog; gives whether it was confirmed, with what was noted where `note` (true, or what to ask for) asks. */
export function confirmed({ t, signal }, question, verb, { note = false } = {}) {
  return new Promise((done) => {
    const text = note ? el("textarea", { id: "note", rows: "3", maxlength: "1000" }) : null;
    const dialog = el(
      "dialog",
      { "aria-labelledby": "dialog-question" },
      el(
        "form",
        { method: "dialog" },
        el("p", { id: "dialog-question", class: "lead" }, question),
        text && [el("label", { for: "note" }, note === true ? t("dialog.note") : note), text],
        el(
          "div",
          { class: "tools" },
          el("button", { value: "no", type: "submit" }, t("dialog.no")),
          el("button", { value: "yes", type: "submit", class: "main" }, verb),
        ),
      ),
    );
    dialog.addEventListener("close", () => {
      const isSure = dialog.returnValue === "yes";
      dialog.remove();
      done(isSure ? { note: text?.value.trim() || null } : null);
    });
    signal.addEventListener("abort", () => dialog.close("no"), { once: true });
    document.body.append(dialog);
    dialog.showModal();
  });
}
