// A template as it is being written: read from a version, copied into another language, written as what the API takes.

const LIQUID = /\{[{%]/;
const PLACE = /^(?:body\.)?(?:translations\.([^.]+)\.?)?(.*)$/;
const DECLARED = ["type", "require", "minLength", "maxLength", "acceptNull"];

export const blankButton = () => ({ title: "", kind: "url", url: "", reply: "" });
export const blankParameter = () => ({ name: "", value: "", was: null, declared: { require: true } });
const blankSaid = () => ({ subject: "", body_text: "", body_html: "", body_mjml: "", way: "html", data: {}, buttons: [], parameters: [], isDeclared: false, rest: "" });

/** Give a draft of nothing. */
export const blank = (channel) => ({ key: "", channel, locale: "vi", said: new Map([["vi", blankSaid()]]) });

function readButtons(given) {
  if (!Array.isArray(given)) return [];
  return given.map((one) => ({ title: String(one.title ?? ""), kind: "reply" in one ? "reply" : "url", url: String(one.url ?? ""), reply: String(one.reply ?? "") }));
}

function readParameters(given, declared) {
  const known = Array.isArray(declared) ? declared : [];
  const names = [...new Set([...known.map((one) => String(one.name)), ...Object.keys(given ?? {})])];
  return names.map((name) => {
    const was = given?.[name] ?? null;
    return { name, value: was === null ? "" : String(was), was, declared: { ...known.find((one) => one.name === name) } };
  });
}

function read(said, content) {
  const rest = { ...said.data };
  const data = {};
  let [buttons, parameters, isDeclared] = [[], [], false];
  for (const field of content.fields) {
    const value = rest[field.name];
    if (field.kind === "buttons") buttons = readButtons(value);
    else if (field.kind === "parameters") {
      parameters = readParameters(value, rest[field.declared]);
      isDeclared = Array.isArray(rest[field.declared]) && rest[field.declared].length > 0;
      delete rest[field.declared];
    } else if (value !== undefined) data[field.name] = field.kind === "flag" ? value === true : String(value);
    delete rest[field.name];
  }
  const texts = Object.fromEntries(["subject", "body_text", "body_html", "body_mjml"].map((name) => [name, said[name] ?? ""]));
  const way = said.body_mjml ? "mjml" : "html";
  return { ...texts, way, data, buttons, parameters, isDeclared, rest: Object.keys(rest).length ? JSON.stringify(rest, null, 2) : "" };
}

/** Give the draft of a version, what it says by language, its own first. */
export function draftOf(template, content) {
  const others = Object.entries(template.translations).map(([locale, said]) => [locale, read(said, content)]);
  return { key: template.key, channel: template.channel, locale: template.locale, said: new Map([[template.locale, read(template, content)], ...others]) };
}

/** Begin another language with what the template's own says. */
export function translate(draft, locale) {
  draft.said.set(locale, structuredClone(draft.said.get(draft.locale)));
}

/** Whether the rest of the data, as it was typed, is an object. */
export function isRest(text) {
  if (!text.trim()) return true;
  try {
    const found = JSON.parse(text);
    return typeof found === "object" && found !== null && !Array.isArray(found);
  } catch {
    return false;
  }
}

function writeParameters(said, field) {
  const rows = said.parameters.filter((one) => one.name.trim());
  if (!rows.length) return {};
  const given = rows.filter((one) => one.value.trim() || one.was !== null).map((one) => [one.name.trim(), one.was !== null && String(one.was) === one.value ? one.was : one.value]);
  const declared = rows.map((one) => ({ name: one.name.trim(), ...Object.fromEntries(DECLARED.filter((name) => one.declared[name] !== undefined && one.declared[name] !== "").map((name) => [name, one.declared[name]])) }));
  return { [field.name]: Object.fromEntries(given), ...(said.isDeclared && field.declared ? { [field.declared]: declared } : {}) };
}

function writeButtons(rows) {
  return rows.map((one) => (one.kind === "reply" ? { title: one.title.trim(), reply: one.reply.trim() } : { title: one.title.trim(), url: one.url.trim() }));
}

function write(said, content) {
  const data = said.rest.trim() && isRest(said.rest) ? JSON.parse(said.rest) : {};
  for (const field of content.fields) {
    const value = said.data[field.name];
    if (field.kind === "buttons") Object.assign(data, said.buttons.length ? { [field.name]: writeButtons(said.buttons) } : {});
    else if (field.kind === "parameters") Object.assign(data, writeParameters(said, field));
    else if (field.kind === "flag" ? value !== undefined : value?.trim()) data[field.name] = field.kind === "flag" ? value : value.trim();
  }
  const carried = (part, name) => (content.parts.includes(part) && said[name].trim() ? said[name] : null);
  const isMjml = said.way === "mjml";
  return {
    subject: carried("subject", "subject"),
    body_text: carried("text", "body_text"),
    // What MJML was made into is made again.
    body_html: isMjml ? null : carried("html", "body_html"),
    body_mjml: isMjml ? carried("html", "body_mjml") : null,
    data,
  };
}

/** Write the body of POST /templates. */
export function bodyOf(draft, content) {
  const translations = [...draft.said].filter(([locale]) => locale !== draft.locale).map(([locale, said]) => [locale, write(said, content)]);
  return { key: draft.key.trim(), channel: draft.channel, locale: draft.locale, ...write(draft.said.get(draft.locale), content), translations: Object.fromEntries(translations) };
}

/** Give where a fault is: the language, and the name inside what it says; "" is the whole of it. */
export function placeOf(draft, where) {
  const [, locale, name] = PLACE.exec(where === "body" ? "" : where);
  return { locale: locale ?? draft.locale, name };
}

/** Count as the channel does; null for what is only known when it is filled. */
export function lengthOf(text, isOctets) {
  if (LIQUID.test(text)) return null;
  const composed = text.normalize("NFC");
  return isOctets ? new TextEncoder().encode(composed).length : [...composed].length;
}
