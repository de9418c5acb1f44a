// What can be picked from: segments, campaigns and types of events that there are, and attributes as people have them.
import { isObject, isText, isTextOrTexts, momentOf } from "./shapes.js";

const MOST_PEOPLE = 200;
const MOST_VALUES = 20;
const LONGEST_VALUE = 60;
const DEEPEST = 3;

/** Between the names that lead to a value inside objects. */
export const STEP = " › ";

const sorted = (values) => [...new Set(values)].filter((one) => isText(one) && one).sort((one, other) => one.localeCompare(other));

function* conditions(rule) {
  if (!isObject(rule)) return;
  const inside = [rule.all, rule.any, rule.not].flat().filter((one) => one !== undefined);
  if (inside.length) for (const one of inside) yield* conditions(one);
  else yield rule;
}

function typeOf(value) {
  if (isText(value)) return Number.isNaN(momentOf(value)) ? "text" : "date";
  if (typeof value === "boolean") return "flag";
  return Array.isArray(value) ? "list" : "number";
}

/** Note under its name what one person has. */
function note(found, value, path) {
  if (value === null || value === undefined) return;
  if (isObject(value)) {
    if (path.length < DEEPEST) for (const [name, one] of Object.entries(value)) note(found, one, [...path, name]);
    return;
  }
  const name = path.join(STEP);
  const seen = found.get(name) ?? found.set(name, { type: typeOf(value), values: new Map() }).get(name);
  for (const one of Array.isArray(value) ? value : [value]) {
    if (isText(one) && one.length <= LONGEST_VALUE) seen.values.set(one, (seen.values.get(one) ?? 0) + 1);
  }
}

/** Give the values that several people share, the commonest first: names and ids are no choice. */
function shared({ values }) {
  const often = [...values].sort(([, one], [, other]) => other - one).filter(([, count]) => count > 1);
  return often.slice(0, MOST_VALUES).map(([value]) => value);
}

/** Ask the API; `own` is the key of the segment itself, which cannot refer to itself. */
export async function askKnown({ api, signal }, own) {
  const [segments, campaigns, people, schema] = await Promise.all([
    api.all("/segments", { signal }),
    api.all("/campaigns", { signal }),
    api.get("/profiles", { query: { limit: MOST_PEOPLE }, signal }),
    api.get("/segments/rule-schema", { signal }),
  ]);
  const used = segments.flatMap((one) => [...conditions(one.rule)]);
  const attributes = new Map();
  for (const one of people.items) note(attributes, one.attributes, []);
  for (const { attribute } of used) {
    const name = isTextOrTexts(attribute) ? [attribute].flat().join(STEP) : null;
    if (name && !attributes.has(name)) attributes.set(name, { type: null, values: new Map() });
  }
  const { reachable, outcome, profile } = schema.$defs;
  return {
    // The words that the API takes, in its own order.
    words: {
      channels: reachable.properties.reachable.enum,
      outcomes: outcome.properties.outcome.anyOf[0].enum,
      columns: profile.properties.profile.enum,
    },
    attributes: sorted(attributes.keys()),
    typeOf: (name) => attributes.get(name)?.type ?? null,
    valuesOf: (name) => (attributes.has(name) ? shared(attributes.get(name)) : []),
    events: sorted([...campaigns.map((one) => one.trigger_type), ...segments.flatMap((one) => one.event_types)]).filter((one) => one !== "*"),
    eventAttributes: sorted(used.flatMap((one) => Object.keys(isObject(one.where) ? one.where : {}))),
    purposes: sorted([...campaigns.map((one) => one.purpose), ...used.map((one) => one.consent)]),
    patterns: sorted(used.map((one) => one.graph)),
    segments: segments.filter((one) => one.key !== own && !one.archived_at).map((one) => [one.key, one.name]),
    campaigns: campaigns.map((one) => [one.key, one.name]),
  };
}
