// A rule as a tree of parts that can be moved and changed. A part that nobody touches is written as it was read.

const WAYS = {
  all: { key: "all", isNot: false },
  any: { key: "any", isNot: false },
  none: { key: "any", isNot: true },
  not_all: { key: "all", isNot: true },
};
export const GROUPS = Object.keys(WAYS);

let made = 0;

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const hasOnly = (document, key) => isObject(document) && Object.keys(document).length === 1 && Object.hasOwn(document, key);
const isGroup = (document) => ["all", "any"].some((key) => hasOnly(document, key) && Array.isArray(document[key]));

/** Give the part that a document is: a group has `way` and `parts`, a condition `isNot` and `document`. */
export function partOf(document) {
  const isNot = hasOnly(document, "not");
  const inner = isNot ? document.not : document;
  made += 1;
  if (!isGroup(inner)) return { id: made, isNot, document: inner };
  const [key] = Object.keys(inner);
  const way = GROUPS.find((one) => WAYS[one].key === key && WAYS[one].isNot === isNot);
  return { id: made, way, parts: inner[key].map(partOf) };
}

/** Give the document of a part. */
export function documentOf(part) {
  const { key, isNot } = part.parts ? WAYS[part.way] : part;
  const document = part.parts ? { [key]: part.parts.map(documentOf) } : part.document;
  return isNot ? { not: document } : document;
}

/** Give every part with its parent and its place as the API names it: `rule.all[1].not`. */
export function* walk(part, parent = null, at = "rule") {
  const { key, isNot } = part.parts ? WAYS[part.way] : part;
  const place = isNot ? `${at}.not` : at;
  yield { part, parent, place: part.parts ? at : place };
  for (const [index, one] of (part.parts ?? []).entries()) yield* walk(one, part, `${place}.${key}[${index}]`);
}

/** Find the part that a place lies in, and what of it: `{part, rest}`, rest as `count.at_least`. */
export function findPlace(root, place) {
  const inside = [...walk(root)].filter((one) => place === one.place || [".", "["].includes(place[one.place.length]) && place.startsWith(one.place));
  const found = inside.at(-1);
  return found ? { part: found.part, rest: place.slice(found.place.length).replace(/^\./, "") } : null;
}

const parentOf = (root, part) => [...walk(root)].find((one) => one.part === part).parent;

/** Move a part one place on (`by` 1) or back (-1): into a group that stands there, out of its own at the end; gives whether there was one. */
export function move(root, part, by) {
  const parent = parentOf(root, part);
  if (!parent) return false;
  const place = parent.parts.indexOf(part);
  const beside = parent.parts[place + by];
  const outer = parentOf(root, parent);
  if (!beside && !outer) return false;
  parent.parts.splice(place, 1);
  if (beside?.parts) beside.parts.splice(by > 0 ? 0 : beside.parts.length, 0, part);
  else if (beside) parent.parts.splice(place + by, 0, part);
  else outer.parts.splice(outer.parts.indexOf(parent) + (by > 0 ? 1 : 0), 0, part);
  return true;
}

/** Say whether a part can be moved so; whoever asks for many knows their parents. */
export function canMove(root, part, by, parent = parentOf(root, part)) {
  return Boolean(parent && (parent !== root || parent.parts[parent.parts.indexOf(part) + by]));
}

/** Take a part out; gives what stands where it stood, else the one before it, else its group. */
export function remove(root, part) {
  const parent = parentOf(root, part);
  const place = parent.parts.indexOf(part);
  parent.parts.splice(place, 1);
  return parent.parts[place] ?? parent.parts[place - 1] ?? parent;
}

/** Put the same again behind a part; gives it. */
export function copy(root, part) {
  const again = partOf(documentOf(part));
  const parent = parentOf(root, part);
  parent.parts.splice(parent.parts.indexOf(part) + 1, 0, again);
  return again;
}
