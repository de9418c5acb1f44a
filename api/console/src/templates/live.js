// The message as one real person would get it, written anew as the text changes: whose, in which language, and what stands against it.
import { el, fill } from "../dom.js";
import { choice, field } from "../parts/field.js";
import { message, renewed } from "../parts/message.js";
import { reader } from "../parts/reader.js";
import { saidOf, sentence } from "../parts/said.js";
import { nameOf } from "./names.js";

const SOON_MS = 400;

/**
 * Give `{node, soon, turn(locale)}`. `ask({ext_id, read_in}, signal)` gives what the API writes; `told` gets each answer's
 * faults and measures, and the problem where there was none; `seen` keeps whose message it is.
 */
export function live(context, { ask, locales, seen, told = () => {}, name }) {
  const { t, signal } = context;
  const person = reader(context, t("template.reader"), t("compose.reader.hint"));
  const status = el("p", { class: "unseen", role: "status" });
  const against = el("div", { class: "column tight" });
  const letter = el("div");
  const pairs = el("div");
  const shown = el("div", { class: "seen" }, letter, pairs);
  const facts = el("div", { class: "soft small facts" });
  const languages = field({ id: "read-in", label: t("template.read_in") }, el("select"));
  let waiting = 0;
  let asked = null;

  function offer() {
    const options = [["", t("template.read_in.own")], ...locales().map((one) => [one, nameOf(context, one)])];
    if (!options.some(([one]) => one === seen.read_in)) seen.read_in = "";
    const made = choice(options, seen.read_in, () => {});
    languages.control.replaceChildren(...made.children);
    languages.control.value = seen.read_in;
  }

  function soon() {
    clearTimeout(waiting);
    waiting = setTimeout(() => look(), SOON_MS);
  }

  /** Ask for it; `isSure`: whoever is named is meant, and not still being typed. */
  async function look(isSure = false) {
    clearTimeout(waiting);
    asked?.abort();
    asked = new AbortController();
    const mine = asked;
    if (!seen.ext_id) {
      fill(letter);
      fill(pairs, el("p", { class: "soft" }, t("compose.whose")));
      return;
    }
    shown.setAttribute("aria-busy", "true");
    try {
      const found = await ask({ ext_id: seen.ext_id, read_in: seen.read_in || null }, mine.signal);
      if (mine.signal.aborted) return;
      person.fault("");
      answered(found);
      told({ found, faults: found.faults.map((one) => ({ ...one, field: one.where })) });
    } catch (error) {
      if (error.name === "AbortError" || mine.signal.aborted) return;
      refused(error, isSure);
      told({ found: null, faults: error.errors ?? [] });
    }
    shown.removeAttribute("aria-busy");
  }

  /** Name the language that a fault is in, where there are several. */
  function whose(where) {
    const all = locales();
    const locale = /^(?:body\.)?translations\.([^.]+)/.exec(where)?.[1] ?? all[0];
    return all.length > 1 ? `${nameOf(context, locale)}: ` : "";
  }

  function refused(error, isSure) {
    const isPerson = error.status === 404;
    if (isPerson && isSure) person.fault(sentence(t, error));
    shown.classList.toggle("old", letter.childElementCount > 0);
    if (isPerson) {
      fill(against);
      return;
    }
    const lines = error.errors?.length ? error.errors.map((one) => `${whose(one.field)}${saidOf(t, one)}`) : [sentence(t, error)];
    fill(against, el("div", { class: "notice wait" }, el("p", { class: "strong" }, t("template.not_seen")), lines.map((one) => el("p", null, one))));
    fill(status, t("template.not_seen"));
  }

  function answered(found) {
    shown.classList.remove("old");
    fill(
      against,
      found.missing.length > 0 && el("p", { class: "notice wait" }, t("compose.missing", { names: found.missing.join(", ") })),
      found.faults.length > 0 && el("div", { class: "notice bad" }, found.faults.map((one) => el("p", { "data-kind": one.kind }, whose(one.where), one.text[t.language]))),
      found.could_leave && el("p", { class: "small good-text" }, el("span", { "aria-hidden": "true" }, "✓ "), t("template.could_leave")),
    );
    drawn(found);
    fill(facts, factsOf(context, found).map((one) => el("p", null, one)));
    fill(status, t(found.could_leave ? "template.seen" : "template.seen.against"));
  }

  function drawn(found) {
    const fresh = found.written_in === null ? null : message(context, { ...found, ...name() });
    if (!fresh || !renewed(letter.firstElementChild, fresh, found.html)) fill(letter, fresh);
    fill(pairs, fresh && own(found.data));
  }

  person.control.value = seen.ext_id;
  person.control.addEventListener("input", () => {
    seen.ext_id = person.control.value.trim();
    person.fault("");
    soon();
  });
  person.control.addEventListener("change", () => look(true));
  languages.control.addEventListener("change", () => {
    seen.read_in = languages.control.value;
    look();
  });
  signal.addEventListener("abort", () => {
    clearTimeout(waiting);
    asked?.abort();
  });
  offer();
  return {
    soon,
    /** Show another language, as the form turns to it; languages may have come or gone. */
    turn(locale) {
      seen.read_in = locale;
      offer();
      look();
    },
    node: el(
      "section",
      { class: "card look", "aria-labelledby": "preview-heading" },
      el("h2", { id: "preview-heading" }, t("templates.preview")),
      el("div", { class: "field-grid" }, person.node, languages.node),
      status,
      against,
      shown,
      facts,
    ),
  };
}

/** What a provider fills its own template with has no look of its own here: names and values. */
function own(data) {
  const pairs = Object.entries(data).filter(([name]) => name !== "buttons");
  if (!pairs.length) return null;
  const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  const rows = pairs.flatMap(([name, value]) => (name === "template_data" ? Object.entries(value) : [[name, value]]));
  return el("dl", { class: "pairs small" }, rows.flatMap(([name, value]) => [el("dt", { class: "mono" }, name), el("dd", { class: "break" }, text(value))]));
}

function factsOf({ t, say, format }, found) {
  return [
    found.address ? t("template.to", { address: found.address }) : t("template.no_address", { channel: say("channel", found.channel) }),
    ...found.measures.map((one) => t(`template.used.${one.count}`, { part: t(`template.part.${one.part}`), used: format.count(one.used), most: format.count(one.most) })),
    found.label_added && t("template.law.label", { label: found.label_added }),
    found.refusal_added && t("template.law.refusal"),
  ].filter(Boolean);
}
