// The parameters of a provider's own template: what each is filled with, and what the provider says it may be.
import { el, fill } from "../dom.js";
import { choice, field } from "../parts/field.js";
import { blankParameter } from "./draft.js";
import { measured } from "./measured.js";

const TYPES = ["STRING", "NUMBER", "DATE"];

/** Give `{node, fault(name, text), clear}`; `said.parameters` are changed in place. */
export function parameters(context, { locale, said, most, changed, tool }) {
  const { t, format } = context;
  const rows = said.parameters;
  const list = el("ol", { class: "plain buttons" });
  const told = el("p", { class: "fault", id: `parameters-${locale}-fault`, role: "alert", hidden: true });
  const add = el("button", { type: "button", onclick: grow, "aria-describedby": told.id }, t("template.parameters.add"));
  const declared = el("input", { type: "checkbox", checked: said.isDeclared, onchange: () => {
    said.isDeclared = declared.checked;
    stand();
  } });
  let fields = [];

  function stand() {
    fields = rows.map(row);
    fill(list, fields.map((one) => one.node));
    add.disabled = rows.length >= most;
  }

  function grow() {
    rows.push(blankParameter());
    stand();
    changed();
    fields.at(-1).name.control.focus();
  }

  function drop(place) {
    rows.splice(place, 1);
    stand();
    changed();
    (fields[Math.min(place, rows.length - 1)]?.name.control ?? add).focus();
  }

  function bound(id, one, key, label) {
    const input = el("input", { type: "number", inputmode: "numeric", min: "0", step: "1", value: one.declared[key] ?? "", oninput: () => (one.declared[key] = input.value === "" ? "" : Number(input.value)) });
    return field({ id, label }, input).node;
  }

  function row(one, place) {
    const number = format.count(place + 1);
    const id = (name) => `parameter-${locale}-${place}-${name}`;
    const called = el("input", { class: "mono", autocomplete: "off", spellcheck: "false", value: one.name, oninput: () => (one.name = called.value) });
    const filled = el("input", { autocomplete: "off", value: one.value, oninput: () => (one.value = filled.value) });
    const name = field({ id: id("name"), label: t("template.parameters.name") }, called);
    const longest = said.isDeclared && Number.isInteger(one.declared.maxLength) ? one.declared.maxLength : null;
    const value = measured(context, { id: id("value"), label: t("template.parameters.value"), most: longest }, filled, { tool: tool(filled) });
    const types = [...new Set([...TYPES, one.declared.type].filter(Boolean))];
    const kind = choice([["", t("template.parameters.any")], ...types.map((type) => [type, type])], one.declared.type ?? "", (type) => (one.declared.type = type));
    const needed = el("input", { type: "checkbox", checked: one.declared.require !== false, onchange: () => (one.declared.require = needed.checked) });
    return {
      name,
      value,
      of: one,
      node: el(
        "li",
        null,
        el(
          "fieldset",
          { class: "button-form" },
          el("legend", { class: "unseen" }, t("template.parameters.one", { number })),
          el(
            "div",
            { class: "between" },
            el("span", { class: "strong", "aria-hidden": "true" }, t("template.parameters.one", { number })),
            el("button", { type: "button", class: "quiet square", title: t("compose.remove"), "aria-label": `${t("compose.remove")}: ${t("template.parameters.one", { number })}`, onclick: () => drop(place) }, "×"),
          ),
          el("div", { class: "field-grid" }, name.node, value.node),
          said.isDeclared &&
            el(
              "div",
              { class: "field-grid tight" },
              field({ id: id("type"), label: t("template.parameters.type") }, kind).node,
              bound(id("least"), one, "minLength", t("template.parameters.least")),
              bound(id("most"), one, "maxLength", t("template.parameters.most")),
              el("label", { class: "option" }, needed, t("template.parameters.require")),
            ),
        ),
      ),
    };
  }

  stand();
  return {
    /** Say what is wrong with one, or with all of them where there is none of this name; gives what to go to. */
    fault(name, text) {
      const one = fields.find((each) => each.of.name.trim() === name);
      if (one) {
        one.value.fault(text);
        return one.value.control;
      }
      told.hidden = !text;
      fill(told, text);
      return add;
    },
    clear() {
      told.hidden = true;
      for (const one of fields) one.value.fault("");
    },
    node: el(
      "div",
      { class: "column tight", role: "group", "aria-labelledby": `parameters-${locale}-heading` },
      el("h3", { id: `parameters-${locale}-heading` }, t("template.parameters")),
      el("p", { class: "soft small" }, t("template.parameters.about", { most: format.count(most) })),
      list,
      told,
      el("div", { class: "between" }, add, el("label", { class: "option" }, declared, t("template.parameters.declared"))),
    ),
  };
}
