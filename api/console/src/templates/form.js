// The form of a template: channel and key, what it says in each language, and saving it as the next version.
import { el, fill } from "../dom.js";
import { choice, field } from "../parts/field.js";
import { trouble } from "../parts/notice.js";
import { isOvertaken, overtaken, unless } from "../parts/overtaken.js";
import { saidOf } from "../parts/said.js";
import { bodyOf, isRest, placeOf, translate } from "./draft.js";
import { language } from "./language.js";
import { live } from "./live.js";
import { tabs } from "./tabs.js";

/** Give the form and its preview. `kept` is `{draft, seen, shown}`; `saved(template)` and `reload(id)` say what comes then. */
export function form(context, { template, kept, contents, insert, note, saved, reload }) {
  const { t, say, api, signal, link } = context;
  const { draft } = kept;
  const told = el("div");
  const save = el("button", { class: "main", type: "submit" }, t(template ? "buttons.save" : "template.save.first"));
  const touched = new Set();
  const heading = el("div", { class: "column" });
  const room = el("div", { class: "column" });
  const content = () => contents.find((one) => one.channel === draft.channel);
  const body = () => bodyOf(draft, content());
  let parts = new Map();
  let ways = null;
  const fields = {};
  let isTried = false;

  const seen = live(context, {
    seen: kept.seen,
    locales: () => [...draft.said.keys()],
    name: () => ({ template: draft.key || t("template.new"), template_version: null }),
    ask: ({ ext_id, read_in }, until) => {
      const { key, ...said } = body();
      return api.post("/templates/preview", { ...said, ...(key ? { key } : {}), ext_id, read_in }, { signal: until });
    },
    told: ({ found, faults }) => {
      if (found) parts.get(found.written_in)?.measured(found.measures);
      // What nobody has typed in yet is not found fault with, until it was tried to be saved.
      blame(faults, ({ locale, name }) => isTried || touched.has(`${locale} ${name}`));
    },
  });

  function made(locale) {
    return language(context, { locale, said: draft.said.get(locale), content: content(), insert, changed: seen.soon });
  }

  function stand() {
    parts = new Map([...draft.said.keys()].map((locale) => [locale, made(locale)]));
    ways = tabs(context, draft, {
      shown: kept.shown,
      panelOf: (locale) => parts.get(locale).node,
      turned: (locale) => {
        kept.shown = locale;
        seen.turn(locale);
      },
      add: (locale) => {
        translate(draft, locale);
        parts.set(locale, made(locale));
      },
      drop: (locale) => {
        draft.said.delete(locale);
        parts.delete(locale);
      },
    });
    fill(room, ways.node);
  }

  /** Say each fault where it is; gives how many were placed, what to go to, and what has no place. */
  function blame(faults, isTold = () => true) {
    for (const one of parts.values()) one.clear();
    const wrong = new Set();
    const rest = [];
    const said = new Map();
    for (const one of faults) {
      const place = placeOf(draft, one.field);
      if (!isTold(place)) continue;
      const line = one.values?.line && parts.get(place.locale)?.lineOf(place.name) ? `${t("template.line", { line: one.values.line })} ` : "";
      const key = JSON.stringify([place.locale, place.name]);
      said.set(key, { ...place, one, text: [said.get(key)?.text, `${line}${saidOf(t, one)}`].filter(Boolean).join(" ") });
    }
    const controls = [];
    for (const { locale, name, text, one } of said.values()) {
      const isOwn = locale === draft.locale && name in fields;
      if (isOwn) fields[name].fault(text);
      const control = isOwn ? fields[name].control : (parts.get(locale)?.fault(name, text) ?? null);
      if (control === null) rest.push(one);
      else controls.push({ control, locale: isOwn ? null : locale, line: one.values?.line ?? null });
      if (control !== null && !isOwn) wrong.add(locale);
    }
    for (const [locale, each] of draft.said) {
      if (!isTried || isRest(each.rest)) continue;
      parts.get(locale).fault("data", t("compose.not_json"));
      wrong.add(locale);
    }
    ways?.mark(wrong);
    return { controls, rest };
  }

  function goTo({ control, locale, line }) {
    if (locale !== null) ways.turn(locale);
    control.focus();
    if (line === null || control.tagName !== "TEXTAREA") return;
    const lines = control.value.split("\n");
    const from = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    control.setSelectionRange(from, from + (lines[line - 1]?.length ?? 0));
  }

  function refused(error) {
    if (isOvertaken(error)) {
      const there = error.errors[0].values.record_id;
      if (!template) fields.key.fault(t("template.taken"));
      fill(told, overtaken(context, error, { reload: () => reload(there), placeOf: () => link("templates", there) }));
      (template ? told.querySelector("a, button") : fields.key.control).focus();
      return;
    }
    const { controls, rest } = blame(error.errors ?? []);
    if (controls.length) {
      fill(told, el("p", { class: "notice bad", role: "alert" }, t("compose.look_again", { count: controls.length })), rest.length > 0 && el("p", { class: "notice bad" }, rest.map((one) => saidOf(t, one)).join(" ")));
      goTo(controls[0]);
    } else fill(told, trouble(t, error));
  }

  /** What cannot be sent at all: no key, or a rest of the data that is no JSON. */
  function unready() {
    if (!template && !draft.key.trim()) {
      fields.key.fault(t("compose.needed"));
      return { control: fields.key.control, locale: null, line: null };
    }
    for (const [locale, said] of draft.said) {
      if (!isRest(said.rest)) return { control: document.getElementById(`${locale}-rest`), locale, line: null };
    }
    return null;
  }

  async function submit(event) {
    event.preventDefault();
    fill(told);
    isTried = true;
    blame([]);
    for (const one of Object.values(fields)) one.fault("");
    const first = unready();
    if (first) {
      goTo(first);
      return;
    }
    save.disabled = true;
    try {
      const now = await api.post("/templates", body(), { signal, headers: unless(template) });
      if (now.template_id !== template?.template_id) {
        saved(now);
        return;
      }
      fill(told, el("p", { class: "notice", role: "status" }, t("buttons.same")));
    } catch (error) {
      if (error.name === "AbortError") return;
      refused(error);
    }
    save.disabled = false;
  }

  function naming() {
    const key = el("input", { maxlength: "100", autocomplete: "off", spellcheck: "false", value: draft.key, oninput: () => (draft.key = key.value) });
    fields.key = field({ id: "key", label: t("template.key"), hint: t("template.key.hint") }, key);
    const channel = choice(contents.map((one) => [one.channel, say("channel", one.channel)]), draft.channel, (chosen) => {
      draft.channel = chosen;
      stand();
    });
    fields.channel = field({ id: "channel", label: t("template.channel") }, channel);
    fill(heading, el("div", { class: "field-grid" }, fields.key.node, fields.channel.node));
  }

  if (!template) naming();
  stand();
  const node = el(
    "form",
    { class: "card compose", novalidate: true, onsubmit: submit, oninput: typed, "aria-labelledby": "texts-heading" },
    el("h2", { id: "texts-heading" }, t("template.texts")),
    !template && heading,
    room,
    el("p", { class: "soft small" }, note),
    told,
    el("div", { class: "save-bar" }, save, el("button", { type: "button", class: "to-preview", onclick: () => seen.node.scrollIntoView({ block: "start" }) }, t("compose.preview"))),
  );

  /** Note where somebody has typed: the names in `id`s are those of the document. */
  function typed({ target }) {
    const place = /^(\w[\w-]*?)-(subject|body_text|body_html)$/.exec(target.id);
    if (place) for (const name of [place[2], ...(place[2] === "body_html" ? ["body_mjml"] : [])]) touched.add(`${place[1]} ${name}`);
    seen.soon();
  }

  return { node, preview: seen.node };
}
