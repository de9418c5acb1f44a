// Parameters of a query: which it names, and what was typed for them.

/** Give the `$names` of a query in their order, those in strings and comments left out. */
export function namesIn(text) {
  const bare = text.replace(/\/\/.*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`[^`]*`/g, " ");
  return [...new Set([...bare.matchAll(/\$([A-Za-z_]\w*)/g)].map((found) => found[1]))];
}

/** Read a value as it was typed: numbers, true, false, null and lists are those, everything else is text. */
export function valueOf(typed) {
  const text = typed.trim();
  if (/^(?:-?\d+(?:\.\d+)?|true|false|null|\[.*\]|".*")$/s.test(text)) {
    try {
      const value = JSON.parse(text);
      // A number that does not survive being one stays text: an id of 19 digits.
      return typeof value === "number" && String(value) !== text ? text : value;
    } catch {
      return text;
    }
  }
  return text;
}

export function typedOf(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}
