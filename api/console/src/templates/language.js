// What a template says in one language: the parts that its channel carries, each with its limit and what is wrong with it.
import { el, fill } from "../dom.js";
import { field, radios } from "../parts/field.js";
import { buttons } from "./buttons.js";

import { measured } from "./measured.js";
import { parameters } from "./parameters.js";
import { starter } from "./starter.js";

const AREAS = { text: ["body_text", 8], html: ["body_html", 14] };

/** Give `{node, fault(name, text, line), clear, measured}`; `said` is changed in place. */
export function language(context, { locale, said, content, insert, changed }) {
  const { t } = context;
  const fields = new Map();
  const counted = [];
  const limitOf = (part) => content.limits.find((one) => one.part === part);
  const tool = (control, isMarkup) => insert(control, locale, isMarkup);
  const isNeeded = (name) => content.needs.includes(name);
  const labelled = (name, text) => (isNeeded(name) ? t("template.needed", { label: text }) : text);
  const parts = [];

  function text(name, box, control, options = {}) {
    const made = measured(context, { id: `${locale}-${name.replace("data.", "")}`, ...box }, control, options);
    fields.set(name, made);
    return made;
  }

  function subject() {
    const limit = limitOf("subject");
    const input = el("input", { autocomplete: "off", maxlength: "1000", value: said.subject, lang: locale, oninput: () => (said.subject = input.value) });
    const made = text("subject", { label: labelled("subject", t(`template.subject.${content.channel === "email" ? "mail" : "notice"}`)), hint: content.label && t("template.subject.label", { label: content.label }), most: limit?.most, count: limit?.count }, input, { tool: tool(input) });
    counted.push(["subject", made]);
    return made.node;
  }

  /** The text; where a channel limits a message as a whole, that stands under it. */
  function body() {
    const limit = limitOf("text") ?? limitOf("message");
    const area = el("textarea", { rows: AREAS.text[1], value: said.body_text, lang: locale, oninput: () => (said.body_text = area.value) });
    const texts = () => (limit?.part === "message" && content.parts.includes("subject") ? [said.subject, area.value] : [area.value]);
    const hint = content.channel === "email" ? t("template.text.mail") : content.channel === "zalo_template" ? t("template.text.zalo") : null;
    const made = text("body_text", { label: t("template.text"), hint, most: limit?.most, count: limit?.count }, area, { texts, tool: tool(area) });
    if (limit) counted.push([limit.part, made]);
    return made.node;
  }

  function markup() {
    const area = el("textarea", { class: "mono", rows: AREAS.html[1], spellcheck: "false", lang: locale, oninput: typed });
    const made = text("body_html", { label: t("template.html"), hint: t(`template.html.${content.channel === "email" ? "mail" : "chat"}`) }, area, { tool: tool(area, () => true) });
    const isMail = content.channel === "email" || said.way === "mjml";
    const ways = el("div", { class: "ways" });
    const frame = el("button", { type: "button", onclick: begin }, t("template.frame"));

    function typed() {
      said[`body_${said.way}`] = area.value;
      frame.hidden = !isMail || area.value !== "";
    }

    function stand() {
      area.value = said[`body_${said.way}`];
      frame.hidden = !isMail || area.value !== "";
      if (isMail) fill(ways, radios({ name: `${locale}-way`, label: t("template.way"), options: [["html", "HTML"], ["mjml", "MJML"]], value: said.way }, turn), frame);
    }

    function turn(way) {
      said.way = way;
      stand();
      changed();
      ways.querySelector(":checked").focus();
    }

    function begin() {
      said.body_mjml = starter(locale);
      said.way = "mjml";
      stand();
      changed();
      area.setSelectionRange(0, 0);
      area.focus();
      area.scrollTop = 0;
    }

    stand();
    return el("div", { class: "column tight" }, isMail && ways, made.node);
  }

  function own(one) {
    if (one.kind === "flag") return flag(one);
    if (one.kind === "buttons") return grouped("buttons", buttons(context, { locale, rows: said.buttons, limits: one.buttons, changed, tool }));
    if (one.kind === "parameters") return grouped("parameters", parameters(context, { locale, said, most: one.most, changed, tool }));
    const isUrl = one.kind === "url";
    const input = el("input", { type: isUrl ? "url" : "text", inputmode: isUrl ? "url" : null, autocomplete: "off", spellcheck: "false", placeholder: isUrl ? "https://" : null, value: said.data[one.name] ?? "", oninput: () => (said.data[one.name] = input.value) });
    const box = { label: labelled(one.name, t(`template.data.${one.name}`)), most: isUrl ? null : one.most };
    return text(`data.${one.name}`, box, input, { texts: () => [input.value.trim()], tool: tool(input) }).node;
  }

  function flag(one) {
    const box = el("input", { type: "checkbox", id: `${locale}-${one.name}`, checked: said.data[one.name] === true, onchange: () => (said.data[one.name] = box.checked) });
    return el("label", { class: "option" }, box, t(`template.data.${one.name}`));
  }

  function grouped(name, made) {
    parts.push([name, made]);
    return made.node;
  }

  function rest() {
    const area = el("textarea", { class: "mono", rows: "5", spellcheck: "false", value: said.rest, oninput: () => (said.rest = area.value) });
    const made = field({ id: `${locale}-rest`, label: t("template.rest"), hint: t("template.rest.hint") }, area);
    fields.set("data", made);
    return el("details", { open: Boolean(said.rest) }, el("summary", { class: "small" }, t("template.more")), made.node);
  }

  /** Find what a name of the document is about: the field, and how it is said there. */
  function at(name) {
    const row = /^data\.buttons(?:\[(\d+)\](?:\.(\w+))?)?/.exec(name);
    const form = Object.fromEntries(parts);
    if (row && form.buttons) return (words) => form.buttons.fault(row[1] === undefined ? null : Number(row[1]), row[2] === "title" ? "title" : "value", words);
    const parameter = /^data\.(?:template_data|parameters)(?:\.(.+))?/.exec(name);
    if (parameter && form.parameters) return (words) => form.parameters.fault(parameter[1] ?? null, words);
    const known = { body_mjml: "body_html", "": fields.has("body_text") ? "body_text" : [...fields.keys()][0] }[name] ?? name;
    const one = fields.get(known) ?? (name.startsWith("data") ? fields.get("data") : null);
    return one && ((words) => {
      one.fault(words);
      const more = one.control.closest("details");
      if (more && words) more.open = true;
      return one.control;
    });
  }

  const node = el(
    "div",
    { class: "column", "data-locale": locale },
    content.parts.includes("subject") && subject(),
    content.fields.filter((one) => isNeeded(one.name)).map(own),
    content.parts.includes("text") && body(),
    content.parts.includes("html") && markup(),
    content.fields.filter((one) => !isNeeded(one.name)).map(own),
    !content.fields.some((one) => one.kind === "buttons") && el("p", { class: "soft small" }, t("buttons.no_channel", { channel: context.say("channel", content.channel) })),
    rest(),
  );
  // What counts a subject with its text is counted again as the subject is typed.
  fields.get("subject")?.control.addEventListener("input", () => fields.get("body_text")?.counted());
  return {
    node,
    /** Say what is wrong at a name of the document; gives what to go to, null where this language has no such place. */
    fault: (name, words) => at(name)?.(words) ?? null,
    /** Give the text area that a line is of, where it is what was typed. */
    lineOf: (name) => (name === "body_html" && said.way === "mjml" ? null : (fields.get(name === "body_mjml" ? "body_html" : name)?.control ?? null)),
    clear() {
      for (const one of fields.values()) one.fault("");
      for (const [, one] of parts) one.clear();
    },
    /** Say how much the person of the preview gets of each limit. */
    measured(measures) {
      for (const [part, one] of counted) one.measured(measures.find((each) => each.part === part));
    },
  };
}
