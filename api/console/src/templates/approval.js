// Approving a version, and who would not get it because they lack what it prints.
import { el, fill } from "../dom.js";
import { confirmed } from "../parts/confirm.js";
import { trouble } from "../parts/notice.js";

/** Give the button that approves a draft; `approved` is called where it was, what went wrong is said in `told`. */
export function approval(context, template, { told, approved }) {
  const { t, api, signal } = context;

  async function approve() {
    if (!(await confirmed(context, t("templates.approve.sure"), t("templates.approve")))) return;
    try {
      await api.post(`/templates/${template.template_id}/approve`, {}, { signal });
      approved();
    } catch (error) {
      if (error.name !== "AbortError") fill(told, trouble(t, error));
    }
  }

  return el("button", { type: "button", class: "main", onclick: approve }, t("templates.approve"));
}

/** Give a place that says who lacks what a version prints, once it is counted; it stays empty where nobody does. */
export function lacking({ t, api, signal, format }, template) {
  const place = el("div");

  async function look() {
    try {
      const { items } = await api.get(`/templates/${template.template_id}/lacking`, { signal });
      if (!items.length) return;
      const line = (one) => t("template.lacking.one", { name: one.name, people: format.count(one.people), of: format.count(one.looked_at) });
      fill(place, el("div", { class: "notice wait", id: "lacking" }, el("p", null, t("template.lacking")), el("ul", { class: "plain" }, items.map((one) => el("li", { class: "small" }, line(one))))));
    } catch (error) {
      if (error.name !== "AbortError") fill(place, trouble(t, error));
    }
  }

  look();
  return place;
}
