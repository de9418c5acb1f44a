// Logging in with an API key.
import { el, fill } from "../dom.js";
import { toggles } from "../shell.js";

export function login(context) {
  const { t, entered } = context;
  const input = el("input", {
    id: "key",
    name: "key",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    placeholder: "leo_…",
    "aria-describedby": "key-help",
  });
  const told = el("p", { class: "bad-text", role: "alert" });
  const button = el("button", { class: "main", type: "submit" }, t("login.enter"));

  async function enter(event) {
    event.preventDefault();
    button.disabled = true;
    fill(told);
    try {
      await entered(input.value.trim());
    } catch (error) {
      fill(told, error.status === 401 ? t("login.refused") : t("trouble.network"));
      button.disabled = false;
      input.focus();
    }
  }

  const node = el(
    "div",
    { class: "gate" },
    el("div", { class: "gate-tools" }, toggles(context)),
    el(
      "main",
      { class: "card" },
      el("span", { class: "mark large", "aria-hidden": "true" }),
      el("h1", null, "LEO Activation"),
      el("p", { class: "soft" }, t("login.about")),
      el(
        "form",
        { onsubmit: enter },
        el("label", { for: "key" }, t("login.key")),
        input,
        told,
        button,
        el("p", { class: "soft small", id: "key-help" }, t("login.help")),
      ),
    ),
  );
  queueMicrotask(() => input.focus());
  return node;
}
