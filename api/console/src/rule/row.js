// One condition of the rule: whether it is turned round, its kind, and the form of that kind.
import { el, fill } from "../dom.js";
import { pretty } from "../json.js";
import { tools } from "./tools.js";
import { KINDS, kindOf } from "./kinds.js";

/** Give `{node, fault}`; `fault` says what is wrong with a part of it, and gives the field to go to. */
export function row(context, part, settings) {
  const { t, say, format, caller } = context;
  const told = el("p", { class: "fault", id: `rule-fault-${part.id}`, hidden: true });
  const kind = kindOf(part.document);
  const name = kind ? t(`segment.kind.${kind.name}`) : t("segment.kind.other");

  const form = {
    id: part.id,
    t,
    say,
    format,
    zone: caller.zone,
    known: settings.known,
    channels: settings.known.words.channels.map((one) => [one, say("channel", one)]),
    get document() {
      return part.document;
    },
    /** Put values under keys; what is undefined goes. */
    put(values) {
      part.document = Object.fromEntries(Object.entries({ ...part.document, ...values }).filter(([, one]) => one !== undefined));
      settings.changed();
    },
    replace(document) {
      part.document = document;
      settings.changed();
    },
    redraw: () => settings.redraw(part),
  };

  function turn() {
    part.isNot = !part.isNot;
    settings.redraw(part, "not");
  }

  function choose(wanted) {
    part.document = KINDS.find((one) => one.name === wanted).blank();
    settings.redraw(part, "kind");
  }

  const chooser = el(
    "select",
    { class: "rule-kind", "data-part": "kind", "aria-label": t("segment.kind"), onchange: () => choose(chooser.value) },
    !kind && el("option", { value: "", selected: true }, name),
    KINDS.map((one) => el("option", { value: one.name, selected: one === kind }, t(`segment.kind.${one.name}`))),
  );
  const not = el("button", { type: "button", class: "rule-not", "data-part": "not", "aria-pressed": String(part.isNot), title: t("segment.not.hint"), onclick: turn }, t("segment.not"));
  const fields = el("div", { class: "rule-fields" }, kind ? kind.draw(form) : other(context, part));
  const node = el(
    "div",
    // Who leaves a row that was begun is done with it.
    { class: "rule-row", role: "group", "aria-label": name, "data-node": part.id, "data-not": String(part.isNot), onfocusout: left },
    el("div", { class: "rule-line" }, not, chooser, fields),
    tools(context, part, settings, name),
    told,
  );

  function left(event) {
    if (!part.isFresh || node.contains(event.relatedTarget) || !event.relatedTarget) return;
    part.isFresh = false;
    settings.changed();
  }

  function controlOf(rest) {
    const controls = [...node.querySelectorAll("[data-part]")];
    const isIn = (inner, outer) => inner === outer || (inner.startsWith(outer) && [".", "["].includes(inner[outer.length]));
    const around = controls.filter((one) => isIn(rest, one.dataset.part)).at(-1);
    return around ?? controls.find((one) => rest && isIn(one.dataset.part, rest)) ?? controls.find((one) => one.closest(".rule-fields")) ?? chooser;
  }

  return {
    node,
    fault(rest, text) {
      told.hidden = !text;
      fill(told, text);
      for (const one of node.querySelectorAll("[aria-invalid]")) {
        one.removeAttribute("aria-invalid");
        one.removeAttribute("aria-describedby");
      }
      if (!text) return null;
      const control = controlOf(rest);
      control.setAttribute("aria-invalid", "true");
      control.setAttribute("aria-describedby", told.id);
      return control;
    },
  };
}

/** What has no form: its sentence, which the API says, and its JSON. */
function other({ t, api, language, signal }, part) {
  const said = el("p", { class: "rule-said" }, t("segment.other"));
  // A condition by itself is a rule.
  api.post("/segments/preview", { rule: part.document, sample: 0 }, { signal }).then(
    (found) => fill(said, found.text[language]),
    () => fill(said, t("segment.other.unsaid")),
  );
  return [said, el("pre", { class: "inside", tabindex: "0", "aria-label": t("segment.view.json") }, pretty(part.document))];
}
