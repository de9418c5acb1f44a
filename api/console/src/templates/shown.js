// What a template says in each language, for who may look and not change it, and of versions that stay as they are.
import { el } from "../dom.js";
import { nameOf } from "./names.js";

/** Give a section with every language, its texts and its data as they are written. */
export function shown(context, template) {
  const { t } = context;
  const languages = [[template.locale, template], ...Object.entries(template.translations)];
  return el(
    "section",
    { class: "card", "aria-labelledby": "texts-heading" },
    el("h2", { id: "texts-heading" }, t("template.texts")),
    languages.map(([locale, said]) => one(context, template, locale, said)),
  );
}

function one(context, template, locale, said) {
  const { t } = context;
  const { buttons, ...data } = said.data ?? {};
  const code = (text) => el("pre", { class: "inside tall break", tabindex: "0" }, text);
  const rows = [
    [t(`template.subject.${template.channel === "email" ? "mail" : "notice"}`), said.subject],
    [t("template.text"), said.body_text && el("div", { class: "bubble", lang: locale }, said.body_text)],
    [said.body_mjml ? "MJML" : "HTML", (said.body_mjml ?? said.body_html) && code(said.body_mjml ?? said.body_html)],
    [t("message.buttons"), Array.isArray(buttons) && el("ul", { class: "plain" }, buttons.map((each) => el("li", null, el("span", { class: "pressed" }, each.title), " ", el("span", { class: "soft small break" }, each.url ?? t("message.answers", { reply: each.reply })))))],
    [t("template.data"), Object.keys(data).length > 0 && code(JSON.stringify(data, null, 2))],
  ];
  return el(
    "section",
    { class: "column tight", "data-locale": locale },
    el("h3", null, nameOf(context, locale)),
    rows.filter(([, value]) => value).map(([label, value]) => el("div", { class: "field" }, el("p", { class: "strong small" }, label), value)),
  );
}
