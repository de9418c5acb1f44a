// One template: how a person would get it, its buttons in each language, and its approval.
import { el, fill } from "../dom.js";
import { badge, toneOf } from "../parts/badge.js";
import { confirmed } from "../parts/confirm.js";
import { trouble } from "../parts/notice.js";
import { isOvertaken, overtaken, unless } from "../parts/overtaken.js";
import { preview } from "../parts/preview.js";
import { saidOf } from "../parts/said.js";
import { buttons } from "../templates/buttons.js";
import { bodyOf, draftOf, placeOf } from "../templates/draft.js";
import { newest } from "./templates.js";

// What was typed outlives another language or theme, not another page; what was done is told on the page that follows.
let kept = null;
let done = null;
window.addEventListener("hashchange", () => {
  kept = null;
});

export async function page(context) {
  const { t, say, api, address, signal, caller, format, link, may } = context;
  const [template, all] = await Promise.all([api.get(`/templates/${encodeURIComponent(address.parts[1])}`, { signal }), api.all("/templates", { signal })]);
  if (kept?.hash !== location.hash || kept.slug !== caller.slug) kept = { hash: location.hash, slug: caller.slug, draft: draftOf(template) };
  const last = newest(all).find((one) => one.key === template.key && one.channel === template.channel) ?? template;
  const isNewest = last.template_id === template.template_id;
  const told = el("div", { role: "status" }, done && el("p", { class: "notice good" }, done));
  done = null;
  return {
    title: template.key,
    node: el(
      "div",
      { class: "page narrow" },
      el(
        "header",
        { class: "head" },
        el("div", { class: "between" }, el("h1", { class: "break" }, template.key), isNewest && template.status === "draft" && may("activate") && approval(context, template, told)),
        el(
          "p",
          { class: "soft" },
          say("channel", template.channel),
          ` · ${t("templates.version", { version: template.version })} `,
          badge(say("template", template.status), toneOf(template.status)),
          template.saved_by && ` · ${t("templates.saved", { by: template.saved_by, at: format.moment(template.saved_at) })}`,
        ),
      ),
      !isNewest && el("p", { class: "notice wait" }, t("templates.older"), " ", el("a", { href: link("templates", last.template_id) }, t("templates.newest", { version: last.version }))),
      isNewest && template.status === "draft" && el("p", { class: "notice wait" }, t("templates.draft")),
      told,
      template.button_limits ? (isNewest && may("write") ? form(context, template, kept.draft) : null) : el("p", { class: "soft" }, t("buttons.no_channel", { channel: say("channel", template.channel) })),
      isNewest && template.button_limits && !may("write") && el("p", { class: "soft" }, t("buttons.no_scope")),
      seen(context, template),
    ),
  };
}

function approval(context, template, told) {
  const { t, api, signal, again } = context;

  async function approve() {
    if (!(await confirmed(context, t("templates.approve.sure"), t("templates.approve")))) return;
    try {
      await api.post(`/templates/${template.template_id}/approve`, {}, { signal });
      done = t("templates.approved");
      again();
    } catch (error) {
      if (error.name !== "AbortError") fill(told, trouble(t, error));
    }
  }

  return el("button", { type: "button", class: "main", onclick: approve }, t("templates.approve"));
}

function seen(context, template) {
  const { t } = context;
  const shown = preview(context);
  return el(
    "section",
    { class: "card", "aria-labelledby": "preview-heading" },
    el("h2", { id: "preview-heading" }, t("templates.preview")),
    shown.person.node,
    el("div", { class: "tools" }, el("button", { type: "button", onclick: () => shown.show(template.template_id) }, t("compose.preview"))),
    shown.shown,
  );
}

function form(context, template, draft) {
  const { t, api, signal, go, link } = context;
  const texts = { [template.locale]: template.body_text, ...Object.fromEntries(Object.entries(template.translations).map(([locale, said]) => [locale, said.body_text])) };
  const parts = new Map([...draft].map(([locale, rows]) => [locale, buttons(context, { locale, rows, limits: template.button_limits, text: texts[locale] })]));
  const told = el("div");
  const save = el("button", { class: "main", type: "submit" }, t("buttons.save"));

  /** Say each fault where it is, and go to the first; gives whether all of them are about buttons. */
  function blame(error) {
    const places = new Map();
    const rest = [];
    for (const one of error.errors) {
      const place = placeOf(template, one);
      const key = place && parts.has(place.locale) ? JSON.stringify(place) : null;
      if (key === null) rest.push(one);
      else places.set(key, [...(places.get(key) ?? []), saidOf(t, one)]);
    }
    const faulty = [...places].map(([key, said]) => {
      const { locale, row, part } = JSON.parse(key);
      return parts.get(locale).fault(row, part, said.join(" "));
    });
    if (faulty.length) fill(told, el("p", { class: "notice bad", role: "alert" }, t("compose.look_again", { count: faulty.length })));
    faulty[0]?.focus();
    return rest.length === 0 && faulty.length > 0;
  }

  function refused(error) {
    if (!isOvertaken(error)) {
      if (!error.errors?.length || !blame(error)) fill(told, trouble(t, error));
      return;
    }
    const there = error.errors[0].values.record_id;
    const reload = () => {
      kept = null;
      go("templates", there);
    };
    fill(told, overtaken(context, error, { reload, placeOf: () => link("templates", there) }));
    told.querySelector("a, button").focus();
  }

  async function submit(event) {
    event.preventDefault();
    fill(told);
    for (const part of parts.values()) part.clear();
    save.disabled = true;
    try {
      const saved = await api.post("/templates", bodyOf(template, draft), { signal, headers: unless(template) });
      if (saved.template_id !== template.template_id) {
        done = t("buttons.saved", { version: saved.version });
        go("templates", saved.template_id);
        return;
      }
      fill(told, el("p", { class: "notice", role: "status" }, t("buttons.same")));
    } catch (error) {
      if (error.name === "AbortError") return;
      refused(error);
    }
    save.disabled = false;
  }

  return el(
    "form",
    { class: "card compose", novalidate: true, onsubmit: submit, "aria-labelledby": "buttons-heading" },
    el("h2", { id: "buttons-heading" }, t("message.buttons")),
    el("p", { class: "soft small" }, limitsSaid(context, template.button_limits)),
    [...parts.values()].map((part) => part.node),
    told,
    el("div", { class: "tools" }, save),
  );
}

function limitsSaid({ t, format }, limits) {
  return [
    t(limits.answers > limits.most ? "buttons.limits.answers" : "buttons.limits", { most: format.count(limits.most), answers: format.count(limits.answers), title: format.count(limits.title) }),
    limits.text > 0 && t("buttons.limits.text", { count: format.count(limits.text) }),
    limits.reply === 0 && t("buttons.limits.links"),
  ]
    .filter(Boolean)
    .join(" ");
}
