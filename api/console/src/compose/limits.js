// When a campaign runs, how much it may use, and how its effect is measured.
import { el } from "../dom.js";
import { choice, field } from "../parts/field.js";

const UNITS = [
  [1440, "days"],
  [60, "hours"],
  [1, "minutes"],
];

export function limits({ t, caller }, plan) {
  const input = (name, properties) => {
    const made = el("input", { ...properties, value: plan[name], oninput: () => (plan[name] = made.value) });
    return made;
  };
  const number = (name, properties) => input(name, { type: "number", inputmode: "decimal", step: "any", ...properties });
  const one = (id, control, beside) =>
    field({ id, label: t(`compose.${id}`), hint: t(`compose.${id}.hint`, { zone: caller.zone }), beside }, control);
  const unit = choice(UNITS.map(([value, word]) => [value, t(`compose.${word}`)]), plan.unit, (value) => (plan.unit = Number(value)));
  unit.setAttribute("aria-label", t("compose.unit"));
  const per = choice([["campaign", t("compose.per.campaign")], ["day", t("compose.per.day")]], plan.per, (value) => (plan.per = value));
  per.setAttribute("aria-label", t("compose.per"));
  const resend = el("input", { type: "checkbox", checked: plan.resend, onchange: () => (plan.resend = resend.checked) });
  const fields = {
    starts_at: one("starts_at", input("starts_at", { type: "datetime-local" })),
    ends_at: one("ends_at", input("ends_at", { type: "datetime-local" })),
    "budget.messages": one("budget.messages", number("messages", { min: "0" }), per),
    "budget.amount": one("budget.amount", number("amount", { min: "0" })),
    control_share: one("control_share", number("control", { min: "0", max: "100" })),
    good_for_minutes: one("good_for_minutes", number("good_for", { min: "0" }), unit),
    priority: one("priority", number("priority", { step: "1" })),
    purpose: one("purpose", input("purpose", { maxlength: "100" })),
  };
  return {
    fields,
    node: el(
      "section",
      { class: "card", "aria-labelledby": "limits-heading" },
      el("h2", { id: "limits-heading" }, t("compose.limits")),
      el(
        "div",
        { class: "field-grid" },
        Object.values(fields).map((each) => each.node),
      ),
      el("label", { class: "option" }, resend, t("compose.resend")),
    ),
  };
}
