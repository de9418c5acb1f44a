// What a campaign may say: approved templates in order of preference, each as a person who is there would get it.
import { el, fill } from "../dom.js";
import { choice, field } from "../parts/field.js";
import { preview } from "../parts/preview.js";

export function messages(context, plan, templates) {
  const { t, say } = context;
  const order = el("ol", { class: "plain order" });
  const seen = preview(context);
  const nameOf = (one) => `${one.key} v${one.version} · ${say("channel", one.channel)}`;
  const box = { id: "template_ids", label: t("compose.add_template"), hint: t("compose.add_template.hint") };
  const list = field(box, el("select"), order);

  function add(chosen) {
    plan.template_ids.push(Number(chosen));
    stand();
    list.fault("");
    list.control.focus();
  }

  function move(place, by) {
    const [one] = plan.template_ids.splice(place, 1);
    if (by !== null) plan.template_ids.splice(place + by, 0, one);
    stand();
    const next = order.children[Math.min(place + (by ?? 0), order.children.length - 1)];
    const wanted = next?.querySelector(`[data-by="${by}"]:not(:disabled)`) ?? next?.querySelector("button");
    (wanted ?? list.control).focus();
  }

  function stand() {
    const left = templates.filter((one) => one.isOffered && !plan.template_ids.includes(one.template_id));
    const fresh = choice([["", left.length ? t("compose.choose") : t("compose.no_template")], ...left.map((one) => [one.template_id, nameOf(one)])], "", add);
    list.control.replaceChildren(...fresh.children);
    list.control.value = "";
    list.control.onchange = () => list.control.value && add(list.control.value);
    fill(order, plan.template_ids.map(row));
  }

  function row(id, place) {
    const one = templates.find((each) => each.template_id === id);
    const name = one ? nameOf(one) : String(id);
    const button = (by, mark, label, isOff) =>
      el("button", { type: "button", class: "quiet square", "data-by": String(by), "aria-label": `${label}: ${name}`, title: label, disabled: isOff, onclick: () => move(place, by) }, mark);
    return el(
      "li",
      { class: "between", "data-template": id },
      el("span", null, el("span", { class: "strong" }, `${place + 1}. `), name, one && !one.isApproved && el("span", { class: "soft small" }, ` · ${t("compose.not_approved")}`)),
      el(
        "span",
        { class: "tools" },
        el("button", { type: "button", "aria-label": `${t("compose.preview")}: ${name}`, onclick: () => seen.show(id, plan.was.key ?? null) }, t("compose.preview")),
        button(-1, "↑", t("compose.up"), place === 0),
        button(1, "↓", t("compose.down"), place === plan.template_ids.length - 1),
        button(null, "×", t("compose.remove"), false),
      ),
    );
  }

  stand();
  return {
    fields: { template_ids: list },
    /** Have somebody of the segment stand there for whom the message is shown. */
    suggest: seen.suggest,
    node: el(
      "section",
      { class: "card", "aria-labelledby": "messages-heading" },
      el("h2", { id: "messages-heading" }, t("compose.messages")),
      list.node,
      seen.person.node,
      seen.shown,
    ),
  };
}
