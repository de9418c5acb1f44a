// Words in the language that was chosen: one catalogue a language, with the same keys.
import en from "./messages/en.js";
import vi from "./messages/vi.js";

const CATALOGUES = { vi, en };
export const LANGUAGES = Object.keys(CATALOGUES);

/** Give a function from key and values to words; `{name}` in a text is filled. A key that is not known stays as it is. Its `language` is what it speaks. */
export function translator(language) {
  const known = CATALOGUES[language] ?? en;
  const t = (key, values = {}) =>
    (known[key] ?? key).replace(/\{(\w+)\}/g, (mark, name) => (name in values ? String(values[name]) : mark));
  return Object.assign(t, { language });
}

/** Give a word of the vocabulary (a gate, a status) in words, or as it is stored where there is none. */
export function worder(t) {
  return (kind, value) => {
    if (value === null || value === undefined) return "";
    const key = `${kind}.${value}`;
    const word = t(key);
    return word === key ? String(value) : word;
  };
}
