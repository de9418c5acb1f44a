// What can be picked from: segments and campaigns that there are, and what rules can name, as the API finds it.

/** Between the names that lead to a value inside objects. */
export const STEP = " › ";

const sorted = (values) => [...new Set(values)].sort((one, other) => one.localeCompare(other));

/** Ask the API; `own` is the key of the segment itself, which cannot refer to itself. */
export async function askKnown({ api, signal }, own) {
  const [segments, campaigns, names, schema] = await Promise.all([
    api.all("/segments", { signal }),
    api.all("/campaigns", { signal }),
    api.get("/vocabulary", { signal }),
    api.get("/segments/rule-schema", { signal }),
  ]);
  const { reachable, outcome, profile } = schema.$defs;
  const attributes = new Map(names.attributes.map((one) => [one.path.join(STEP), one]));
  // What campaigns and rules wait for may never have happened yet.
  const awaited = [...campaigns.map((one) => one.trigger_type), ...segments.flatMap((one) => one.event_types)].filter((one) => one && one !== "*");
  return {
    // The words that the API takes, in its own order.
    words: {
      channels: reachable.properties.reachable.enum,
      outcomes: outcome.properties.outcome.anyOf[0].enum,
      columns: profile.properties.profile.enum,
    },
    attributes: sorted(attributes.keys()),
    kindOf: (name) => attributes.get(name)?.kind ?? null,
    valuesOf: (name) => attributes.get(name)?.values ?? [],
    events: sorted([...names.events.map((one) => one.type), ...awaited]),
    attributesOf: (types) => sorted(names.events.filter((one) => types.includes(one.type)).flatMap((one) => one.attributes)),
    purposes: sorted([...names.purposes, ...campaigns.map((one) => one.purpose)]),
    patterns: names.patterns,
    segments: segments.filter((one) => one.key !== own && !one.archived_at).map((one) => [one.key, one.name]),
    campaigns: campaigns.map((one) => [one.key, one.name]),
  };
}
