// JSON that keeps every number as it was written: an amount or id that JavaScript would round comes back as it came.

/** A number that JavaScript would write in another way. */
export class Exact {
  constructor(text) {
    this.text = text;
  }
  toString() {
    return this.text;
  }
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
const WIDE = 76;

export const isNumber = (value) => typeof value === "number" || value instanceof Exact;

/** Give the number that a text of JSON is, null where it is none. */
export function numberOf(text) {
  if (!NUMBER.test(text)) return null;
  const value = Number(text);
  return String(value) === text ? value : new Exact(text);
}

/** Read a text; throws SyntaxError where it is no JSON. */
export function read(text) {
  // What is no JSON is refused by this, so that nothing below has to look at the grammar.
  JSON.parse(text);
  const tokens = text.match(TOKENS);
  let at = 0;

  function value() {
    const token = tokens[at++];
    if (token === "{") return Object.fromEntries(many("}", entry));
    if (token === "[") return many("]", value);
    return numberOf(token) ?? JSON.parse(token);
  }

  function entry() {
    const name = JSON.parse(tokens[at]);
    at += 2;
    return [name, value()];
  }

  function many(end, one) {
    const found = [];
    while (tokens[at] !== end) {
      if (tokens[at] === ",") at += 1;
      found.push(one());
    }
    at += 1;
    return found;
  }

  return value();
}

const isPlain = (value) => typeof value !== "object" || value === null || value instanceof Exact;
const enclosed = (value, inside) => (Array.isArray(value) ? `[${inside}]` : `{${inside}}`);

function parts(value, written) {
  if (Array.isArray(value)) return value.map((one) => written(one ?? null));
  const given = Object.entries(value).filter(([, one]) => one !== undefined);
  return given.map(([name, one]) => `${JSON.stringify(name)}: ${written(one)}`);
}

/** Write a value in one line. */
export function write(value) {
  if (value instanceof Exact) return value.text;
  if (isPlain(value)) return JSON.stringify(value) ?? "null";
  return enclosed(value, parts(value, write).join(", "));
}

/** Write a value for people: in one line where that is short. */
export function pretty(value, indent = "") {
  const line = write(value);
  if (isPlain(value) || indent.length + line.length <= WIDE) return line;
  const deeper = `${indent}  `;
  const lines = parts(value, (one) => pretty(one, deeper)).map((one) => deeper + one);
  return enclosed(value, `\n${lines.join(",\n")}\n${indent}`);
}
