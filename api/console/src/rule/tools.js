// Buttons that move a part of the rule, double it, and take it out.
import { el } from "../dom.js";
import { icon } from "../parts/icon.js";

export function tools({ t }, part, settings, name) {
  const tool = (key, mark, label, isOff, act) =>
    el("button", { type: "button", class: "quiet square", "data-part": key, "aria-label": `${label}: ${name}`, title: label, disabled: isOff, onclick: act }, mark);
  return el(
    "span",
    { class: "tools rule-tools" },
    tool("move -1", "↑", t("compose.up"), !settings.canMove(part, -1), () => settings.move(part, -1)),
    tool("move 1", "↓", t("compose.down"), !settings.canMove(part, 1), () => settings.move(part, 1)),
    settings.canCopy(part) && tool("copy", icon("copy"), t("segment.copy"), false, () => settings.copy(part)),
    tool("remove", "×", t("compose.remove"), false, () => settings.remove(part)),
  );
}
