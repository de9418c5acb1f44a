// One template, or a new one: what it says in each language, how a person would get it, and its approval.
import { el } from "../dom.js";
import { badge, toneOf } from "../parts/badge.js";
import { empty } from "../parts/notice.js";
import { approval, lacking } from "../templates/approval.js";
import { blank, draftOf } from "../templates/draft.js";
import { form } from "../templates/form.js";
import { inserter } from "../templates/insert.js";
import { live } from "../templates/live.js";
import { shown } from "../templates/shown.js";
import { newest } from "./templates.js";

const NEW = "new";

// What was typed outlives another language or theme, not another page; what was done is told on the page that follows.
let kept = null;
let done = null;
window.addEventListener("hashchange", () => {
  kept = null;
});

/** Give somebody for whom the message can be shown at once. */
async function anybody(api, signal) {
  const found = await api.get("/profiles", { query: { limit: 1 }, signal });
  return found.items[0]?.ext_id ?? "";
}

export async function page(context) {
  const { t, api, address, signal, caller, may } = context;
  const isNew = address.parts[1] === NEW;
  if (isNew && !may("write")) return { title: t("template.new"), node: el("div", { class: "page narrow" }, el("h1", null, t("template.new")), empty(t("buttons.no_scope"))) };
  const from = isNew ? address.query.get("from") : address.parts[1];
  const [template, all, contents, names, ext_id] = await Promise.all([
    from === null ? null : api.get(`/templates/${encodeURIComponent(from)}`, { signal }),
    api.all("/templates", { signal }),
    api.get("/templates/contents", { signal }),
    may("write") ? api.get("/templates/names", { signal }) : { items: [] },
    anybody(api, signal),
  ]);
  const contentOf = (channel) => contents.items.find((one) => one.channel === channel);
  if (kept?.hash !== location.hash || kept.slug !== caller.slug) {
    const draft = template ? { ...draftOf(template, contentOf(template.channel)), ...(isNew ? { key: "" } : {}) } : blank(contents.items[0].channel);
    kept = { hash: location.hash, slug: caller.slug, draft, seen: { ext_id, read_in: draft.locale }, shown: draft.locale };
  }
  const parts = { contents: contents.items, insert: inserter(context, names.items) };
  return isNew ? fresh(context, template, parts) : opened(context, template, newest(all), parts);
}

/** Tell on the page of what was saved that it was. */
function saved({ t, go }, template) {
  done = t("buttons.saved", { version: template.version });
  go("templates", template.template_id);
}

function fresh(context, from, parts) {
  const { t, go } = context;
  const title = t("template.new");
  const made = form(context, { ...parts, template: null, kept, note: t("template.save.note.first"), saved: (now) => saved(context, now), reload: (id) => go("templates", id) });
  return {
    title,
    node: el(
      "div",
      { class: "page" },
      el("header", { class: "head" }, el("h1", null, title), el("p", { class: "soft" }, from ? t("template.from", { key: from.key, version: from.version }) : t("template.new.about"))),
      el("div", { class: "columns even" }, made.node, made.preview),
    ),
  };
}

function opened(context, template, all, parts) {
  const { t, go, link, may, again } = context;
  const last = all.find((one) => one.key === template.key && one.channel === template.channel) ?? template;
  const isNewest = last.template_id === template.template_id;
  const isOpen = isNewest && may("write");
  const told = el("div", { role: "status" }, done && el("p", { class: "notice good" }, done));
  done = null;
  const approved = () => {
    done = t("templates.approved");
    again();
  };
  const made = isOpen ? form(context, { ...parts, template, kept, note: noteOf(t, last), saved: (now) => saved(context, now), reload }) : looked(context, template);

  function reload(id) {
    kept = null;
    if (String(id) === String(template.template_id)) again();
    else go("templates", id);
  }

  return {
    title: template.key,
    node: el(
      "div",
      { class: "page" },
      el(
        "header",
        { class: "head" },
        el(
          "div",
          { class: "between" },
          el("h1", { class: "break" }, template.key),
          el("div", { class: "tools" }, may("write") && el("a", { class: "button", href: `${link("templates", NEW)}?from=${template.template_id}` }, t("template.duplicate")), isNewest && template.status === "draft" && may("activate") && approval(context, template, { told, approved })),
        ),
        standing(context, template),
      ),
      !isNewest && el("p", { class: "notice wait" }, t("templates.older"), " ", el("a", { href: link("templates", last.template_id) }, t("templates.newest", { version: last.version }))),
      isNewest && template.status === "draft" && el("p", { class: "notice wait" }, t("templates.draft")),
      told,
      isNewest && template.status !== "retired" && lacking(context, template),
      isNewest && !may("write") && el("p", { class: "soft" }, t("buttons.no_scope")),
      el("div", { class: "columns even" }, made.node, made.preview),
    ),
  };
}

function standing({ t, say, format }, template) {
  return el(
    "p",
    { class: "soft" },
    say("channel", template.channel),
    ` · ${t("templates.version", { version: template.version })} `,
    badge(say("template", template.status), toneOf(template.status)),
    template.saved_by && ` · ${t("templates.saved", { by: template.saved_by, at: format.moment(template.saved_at) })}`,
    template.approved_by && ` · ${t("template.approved_by", { by: template.approved_by, at: format.moment(template.approved_at) })}`,
  );
}

/** Say what saving does: the next version is a draft, and what is approved goes on being sent. */
function noteOf(t, last) {
  const next = { version: last.version + 1 };
  return last.sent ? t("template.save.note.again", { ...next, sent: last.sent.version }) : t("template.save.note", next);
}

/** What is only looked at: the texts as they stand, and how a person would get them. */
function looked(context, template) {
  const { api } = context;
  const seen = live(context, {
    seen: kept.seen,
    locales: () => [template.locale, ...Object.keys(template.translations)],
    name: () => ({ template: template.key, template_version: template.version }),
    ask: ({ ext_id, read_in }, until) => api.post(`/templates/${template.template_id}/preview`, { ext_id, locale: read_in }, { signal: until }),
  });
  seen.turn(kept.seen.read_in);
  return { node: shown(context, template), preview: seen.node };
}
