// One segment: its rule as a form and as JSON, who satisfies it now, and why somebody does or does not.
import { keyOf } from "../compose/plan.js";
import { el, fill } from "../dom.js";
import { read } from "../json.js";
import { field } from "../parts/field.js";
import { trouble } from "../parts/notice.js";
import { isOvertaken, overtaken, unless } from "../parts/overtaken.js";
import { saidOf } from "../parts/said.js";
import { reader } from "../parts/reader.js";
import { satisfied } from "../parts/satisfied.js";
import { askKnown } from "../rule/known.js";
import { views } from "../rule/views.js";

const SOON_MS = 400;

// What was typed outlives another language or theme, not another page; `revision` is what it stands on.
let kept = null;
window.addEventListener("hashchange", () => {
  kept = null;
});

export async function page(context) {
  const { t, api, address, signal, format, may, caller } = context;
  // Somebody may have gone on before the answers are there.
  const { hash } = location;
  const isNew = address.parts[0] === "new-segment";
  const key = address.parts[1];
  const [segment, known] = await Promise.all([
    isNew ? null : api.text(`/segments/${encodeURIComponent(key)}`, { signal }).then(read),
    askKnown(context, isNew ? null : key),
  ]);
  if (kept?.hash !== hash || kept.slug !== caller.slug) {
    kept = { hash, slug: caller.slug, name: segment?.name ?? "", key: segment?.key ?? "", rule: segment?.rule, revision: segment?.revision };
  }
  const place = el("div", { class: "column", "aria-live": "polite" });
  const title = segment?.name ?? t("segment.new");
  return {
    title,
    node: el(
      "div",
      { class: "page" },
      el(
        "header",
        { class: "head" },
        el("h1", null, title),
        segment &&
          el(
            "p",
            { class: "soft" },
            el("span", { class: "mono" }, segment.key),
            ` · ${t("segment.version", { version: segment.version })} · ${t("segment.size", { count: format.count(segment.size) })}`,
            segment.refreshed_at && ` · ${t("segment.refreshed", { at: format.moment(segment.refreshed_at) })}`,
            segment.archived_at && ` · ${t("segment.archived")}`,
          ),
      ),
      el(
        "div",
        { class: "columns" },
        editor(context, segment, { known, place, isOpen: may("write") && !segment?.archived_at }),
        el("div", { class: "column beside" }, el("section", { class: "card now", "aria-labelledby": "now-heading" }, el("h2", { id: "now-heading" }, t("segment.now")), place), segment && why(context, segment)),
      ),
    ),
  };
}

/** The rule as it is made, said in words and counted at `place` before it is saved. */
function editor(context, segment, { known, place, isOpen }) {
  const { t, api, signal, go, link } = context;
  const draft = kept;
  const key = field(
    { id: "key", label: t("compose.key") },
    el("input", { class: "mono", maxlength: "100", autocomplete: "off", spellcheck: "false", value: draft.key, readonly: Boolean(segment), oninput: () => (draft.key = key.control.value) }),
  );
  const name = field({ id: "name", label: t("compose.name") }, el("input", { maxlength: "200", autocomplete: "off", value: draft.name, readonly: !isOpen, oninput: named }));
  const rule = views(context, draft.rule, known, soon);
  const told = el("div", { role: "status" });
  const save = el("button", { class: "main", type: "submit" }, t("compose.save"));
  let waiting = 0;
  let asked = 0;

  /** A key follows the name until it is typed itself. */
  function named() {
    if (!segment && draft.key === keyOf(draft.name)) {
      draft.key = keyOf(name.control.value);
      key.control.value = draft.key;
    }
    draft.name = name.control.value;
  }

  function soon() {
    clearTimeout(waiting);
    waiting = setTimeout(look, SOON_MS);
  }

  async function look() {
    const made = rule.document();
    if (made === null) return;
    draft.rule = made;
    const mine = ++asked;
    const found = await satisfied(context, place, { rule: made }, (error) => {
      fill(place, el("p", { class: "soft" }, t("segment.uncounted")));
      if (mine === asked) rule.refused(error);
    });
    // What saving has against the rule is more than counting knows.
    if (found && mine === asked) rule.clear();
  }

  /** Say what is wrong beside the field that it is about; gives whether all of it had one. */
  function blame(error) {
    const fields = { key, name };
    const placed = error.errors.map((one) => [fields[/^body\.(\w+)/.exec(one.field)?.[1]], one]);
    for (const each of [key, name]) each.fault(placed.filter(([one]) => one === each).map(([, one]) => saidOf(t, one)).join(" "));
    const isOfRule = error.errors.some((one) => one.field.startsWith("body.rule"));
    const control = placed.find(([one]) => one)?.[0].control ?? (isOfRule && rule.refused(error, true));
    if (control) control.focus();
    return Boolean(control);
  }

  /** Show what is there now; what was typed here goes. */
  function afresh() {
    kept = null;
    context.again();
  }

  async function submit(event) {
    event.preventDefault();
    fill(told);
    for (const each of [name, key]) each.fault(each.control.value.trim() ? "" : t("compose.needed"));
    const missing = [name, key].find((each) => !each.control.value.trim());
    const typed = rule.document();
    if (missing || typed === null) {
      (missing?.control ?? rule.control).focus();
      return;
    }
    save.disabled = true;
    clearTimeout(waiting);
    asked += 1;
    try {
      // What the form does not show stays as it is.
      const kept = { schedule: segment?.schedule ?? null, zone: segment?.zone ?? null };
      const body = { key: key.control.value.trim(), name: name.control.value.trim(), rule: typed, ...kept };
      await api.post("/segments", body, { signal, headers: unless(segment && draft) });
      if (segment) afresh();
      else go("segments", body.key);
      return;
    } catch (error) {
      if (error.name === "AbortError") return;
      if (isOvertaken(error)) {
        if (!segment) key.fault(t("segment.taken"));
        fill(told, overtaken(context, error, { reload: afresh, placeOf: (there) => link("segments", there.key) }));
        (segment ? told.querySelector("a, button") : key.control).focus();
        save.disabled = false;
        return;
      }
      if (!error.errors?.length || !blame(error)) fill(told, trouble(t, error));
    }
    save.disabled = false;
  }

  look();
  return el(
    "section",
    { class: "card compose", "aria-labelledby": "rule-heading" },
    el("h2", { id: "rule-heading" }, t("segment.who")),
    el(
      "form",
      { class: "column", novalidate: true, onsubmit: submit },
      el("div", { class: "field-grid" }, name.node, key.node),
      rule.node,
      told,
      isOpen && el("div", { class: "tools" }, save),
    ),
  );
}

/** Which condition holds for one person and which does not, with what was found. */
function why(context, segment) {
  const { t, api, format, language, signal } = context;
  const shown = el("div", { "aria-live": "polite" });
  const who = reader(context, t("segment.person"), null);

  async function ask(event) {
    event.preventDefault();
    const profile = who.control.value.trim();
    who.fault(profile ? "" : t("compose.needed"));
    if (!profile) return;
    fill(shown, el("p", { class: "waiting", role: "status" }, t("loading")));
    try {
      const found = await api.get(`/segments/${encodeURIComponent(segment.key)}/explain`, { query: { profile, language }, signal });
      fill(
        shown,
        el("p", { class: "lead" }, t(found.holds ? "segment.holds" : "segment.holds_not", { who: found.ext_id })),
        found.member_since && el("p", { class: "soft small" }, t("segment.since", { at: format.moment(found.member_since) })),
        el("ul", { class: "plain conditions" }, condition(context, found.explained)),
      );
    } catch (error) {
      if (error.name !== "AbortError") fill(shown, trouble(t, error));
    }
  }

  return el(
    "section",
    { class: "card", "aria-labelledby": "why-heading" },
    el("h2", { id: "why-heading" }, t("why.title")),
    el("form", { class: "column", onsubmit: ask }, who.node, el("div", { class: "tools" }, el("button", { type: "submit" }, t("segment.ask")))),
    shown,
  );
}

function condition(context, one) {
  const { t } = context;
  return el(
    "li",
    { "data-holds": String(one.holds) },
    el("span", { class: one.holds ? "good-text" : "bad-text" }, el("span", { "aria-hidden": "true" }, one.holds ? "✓ " : "✗ "), el("span", { class: "unseen" }, t(one.holds ? "segment.yes" : "segment.no"))),
    el("span", null, one.text),
    one.found && el("span", { class: "soft small" }, ` · ${one.found}`),
    one.parts && el("ul", { class: "plain conditions" }, one.parts.map((part) => condition(context, part))),
  );
}
