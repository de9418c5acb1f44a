// A template's buttons as they are being written: read from each of its languages, and saved with all else as it was.

const PARTS = ["subject", "body_text", "body_html", "body_mjml"];
const PLACE = /^body\.(?:translations\.([^.]+)\.)?data\.buttons(?:\[(\d+)\](?:\.(\w+))?)?/;

export const blank = () => ({ title: "", kind: "url", url: "", reply: "" });

function read(data) {
  const given = Array.isArray(data.buttons) ? data.buttons : [];
  return given.map((one) => ({ title: String(one.title ?? ""), kind: "reply" in one ? "reply" : "url", url: String(one.url ?? ""), reply: String(one.reply ?? "") }));
}

/** Give the rows of each language, the template's own first. */
export function draftOf(template) {
  const others = Object.entries(template.translations).map(([locale, said]) => [locale, read(said.data ?? {})]);
  return new Map([[template.locale, read(template.data)], ...others]);
}

function written(data, rows) {
  const { buttons, ...rest } = data ?? {};
  const said = rows.map((one) => (one.kind === "reply" ? { title: one.title.trim(), reply: one.reply.trim() } : { title: one.title.trim(), url: one.url.trim() }));
  return said.length ? { ...rest, buttons: said } : rest;
}

function content(said, rows) {
  const parts = Object.fromEntries(PARTS.map((name) => [name, said[name] ?? null]));
  // What MJML was made into is made again.
  if (parts.body_mjml !== null) parts.body_html = null;
  return { ...parts, data: written(said.data, rows) };
}

/** Write the body of POST /templates: the next version, with these buttons. */
export function bodyOf(template, draft) {
  const translations = Object.entries(template.translations).map(([locale, said]) => [locale, content(said, draft.get(locale))]);
  return {
    key: template.key,
    channel: template.channel,
    locale: template.locale,
    ...content(template, draft.get(template.locale)),
    translations: Object.fromEntries(translations),
  };
}

/** Give where a fault is: `{locale, row, part}`, row null for all of them; null where it is about no button. */
export function placeOf(template, one) {
  const found = PLACE.exec(one.field);
  if (!found) return null;
  return { locale: found[1] ?? template.locale, row: found[2] === undefined ? null : Number(found[2]), part: found[3] === "title" ? "title" : "value" };
}

/** Count as the channel does; null for what is only known when it is filled. */
export function lengthOf(text, isOctets) {
  if (/\{[{%]/.test(text)) return null;
  return isOctets ? new TextEncoder().encode(text.trim()).length : [...text.trim()].length;
}
