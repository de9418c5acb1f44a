// The rule in its two ways: as a form and as JSON, one of them shown; what is wrong is said where it stands.
import { el, fill } from "../dom.js";
import { pretty, read } from "../json.js";
import { field } from "../parts/field.js";
import { saidOf, sentence } from "../parts/said.js";
import { NEW, builder } from "./builder.js";
import { isObject } from "./shapes.js";

const WAYS = ["builder", "json"];
const PLACE = /rule(?:\.\w+|\[\d+\])*/;

/** Give `{node, control, document, refused, clear}`, control being the field of the JSON; without a rule one is begun. `changed` is told whenever the rule is another. */
export function views(context, rule, known, changed) {
  const { t } = context;
  const form = builder(context, known, changed);
  const text = el("textarea", { class: "mono", rows: "16", spellcheck: "false", oninput: changed });
  const written = field({ id: "rule", label: t("segment.rule"), hint: t("segment.rule.hint") }, text);
  const told = el("p", { class: "fault", role: "alert", hidden: true });
  const note = el("p", { class: "soft small", role: "status" });
  const tabs = el("div", { class: "tabs", role: "tablist", "aria-label": t("segment.views") });
  const room = el("div", { id: "rule-room", role: "tabpanel" });
  let way = "builder";

  /** Give the rule as it stands, null where what is typed is no JSON object. */
  function document() {
    if (way === "builder") return form.document();
    let typed = null;
    try {
      typed = read(text.value);
    } catch {
      // Said below.
    }
    if (isObject(typed)) return typed;
    written.fault(t("compose.not_json"));
    return null;
  }

  function show(wanted) {
    const now = document();
    if (now === null) {
      text.focus();
      return;
    }
    way = wanted;
    if (way === "builder") form.show(now);
    else text.value = pretty(now);
    stand();
    changed();
  }

  function stand() {
    for (const tab of tabs.children) {
      const isHere = tab.dataset.way === way;
      tab.setAttribute("aria-selected", String(isHere));
      tab.tabIndex = isHere ? 0 : -1;
    }
    room.setAttribute("aria-labelledby", `rule-tab-${way}`);
    fill(room, way === "builder" ? form.node : written.node);
  }

  function turn(event) {
    if (!["ArrowRight", "ArrowLeft"].includes(event.key)) return;
    const other = [...tabs.children].find((tab) => tab !== event.target);
    show(other.dataset.way);
    tabs.querySelector("[aria-selected=true]").focus();
  }

  function clear() {
    form.clear();
    written.fault("");
    told.hidden = true;
    fill(note);
  }

  /** Say it beside the whole rule. */
  function whole(said) {
    told.hidden = false;
    fill(told, said);
  }

  fill(
    tabs,
    WAYS.map((one) => el("button", { type: "button", role: "tab", id: `rule-tab-${one}`, "data-way": one, "aria-controls": "rule-room", onclick: () => one !== way && show(one), onkeydown: turn }, t(`segment.view.${one}`))),
  );
  if (rule) form.show(rule);
  else form.begin({ all: [NEW] });
  stand();
  return {
    control: text,
    node: el("div", { class: "column rule-views" }, tabs, room, note, told),
    document,
    clear,
    /** Say what the API has against the rule; gives the field to go to, if any. While somebody is still filling in a row, that is left at a hint. */
    refused(error, isFinal = false) {
      clear();
      if (way === "json") {
        written.fault(sentence(t, error));
        return text;
      }
      if (isFinal) form.settle();
      const faults = error.errors ?? [];
      const about = faults.filter((one) => one.field.startsWith("body.rule"));
      if (!about.length) {
        whole(sentence(t, error));
        return null;
      }
      const controls = about.map((one) => {
        const place = form.placeOf((condition) => isAbout(one, condition)) ?? PLACE.exec(one.values?.place ?? one.field)?.[0] ?? "rule";
        if (form.isBegun(place)) {
          fill(note, t("segment.unfinished"));
          return null;
        }
        return form.fault(place, shortly(t, one));
      });
      return controls.find(Boolean) ?? null;
    },
  };
}

/** Whether a fault names what this condition asks for, instead of a place of the rule. */
function isAbout({ kind = "", values = {} }, { segment, like, graph }) {
  if (["segment.missing", "segment.circle"].includes(kind)) return [segment, like?.segment].includes(values.key);
  if (kind.startsWith("cypher.") || values.name === "cypher") return isObject(graph);
  return kind.startsWith("pattern.") && (kind === "pattern.returns" ? isObject(graph) : graph === values.name);
}

/** Beside the field it is about, a fault needs not name the place. */
function shortly(t, one) {
  const said = saidOf(t, one);
  const place = one.values?.place;
  const rest = place && said.includes(`${place} `) ? said.slice(said.indexOf(`${place} `) + place.length + 1) : said;
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}
