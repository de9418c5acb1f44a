// A campaign as it is being planned: what the fields hold, read from a campaign and written as one.

const UNITS = [1440, 60, 1];
// What is about no field by its name.
const OTHERS = { trigger_is_half: "trigger_segment", budget_is_empty: "budget.messages" };
const KNOWN = [
  "name", "key", "segment", "trigger_type", "trigger_segment", "template_ids", "policy", "purpose", "starts_at", "ends_at",
  "priority", "control_share", "good_for_minutes", "budget.messages", "budget.amount",
];

export function blank() {
  return {
    name: "", key: "", purpose: "marketing", trigger: "hand", trigger_type: "", trigger_segment: "", segment: "", template_ids: [],
    rules: "default", document: "", starts_at: "", ends_at: "", priority: "0", control: "0", good_for: "", unit: 1440,
    messages: "", amount: "", per: "campaign", resend: false, was: {},
  };
}

/** Read a campaign; `document` is its own policy, null where it has none. */
export function planOf(campaign, segments, document, { wall }) {
  const budget = campaign.budget ?? {};
  const minutes = campaign.good_for_minutes;
  const unit = minutes ? UNITS.find((one) => minutes % one === 0) : UNITS[0];
  return {
    ...blank(),
    name: campaign.name,
    key: campaign.key,
    purpose: campaign.purpose,
    trigger: campaign.trigger_type ? "event" : (campaign.trigger_change ?? "hand"),
    trigger_type: campaign.trigger_type ?? "",
    trigger_segment: campaign.trigger_segment ?? "",
    segment: segments.find((one) => one.segment_id === campaign.segment_id)?.key ?? "",
    template_ids: [...campaign.template_ids],
    rules: document ? "own" : "default",
    document: document ? JSON.stringify(document, null, 2) : "",
    starts_at: wall(campaign.starts_at),
    ends_at: wall(campaign.ends_at),
    priority: String(campaign.priority),
    control: String(Math.round(campaign.control_share * 1e8) / 1e6),
    good_for: minutes ? String(minutes / unit) : "",
    unit,
    messages: budget.messages === null || budget.messages === undefined ? "" : String(budget.messages),
    amount: budget.amount === null || budget.amount === undefined ? "" : String(budget.amount),
    per: budget.per ?? "campaign",
    resend: campaign.resend,
    was: { starts_at: campaign.starts_at, ends_at: campaign.ends_at, revision: campaign.revision },
  };
}

const numberOr = (text, other) => (text === "" ? other : Number(text));
const isByMembership = (plan) => plan.trigger === "joined" || plan.trigger === "left";

/** Write the body of POST /campaigns. A moment whose minute was not touched stays as it was, to the second. */
export function bodyOf(plan, { wall, instant }) {
  const moment = (name) => (plan.was[name] && wall(plan.was[name]) === plan[name] ? plan.was[name] : instant(plan[name]));
  const messages = numberOr(plan.messages, null);
  const amount = numberOr(plan.amount, null);
  return {
    key: plan.key.trim(),
    name: plan.name.trim(),
    purpose: plan.purpose.trim(),
    segment: plan.segment || null,
    trigger_type: plan.trigger === "event" ? plan.trigger_type.trim() : null,
    trigger_segment: isByMembership(plan) ? plan.trigger_segment : null,
    trigger_change: isByMembership(plan) ? plan.trigger : null,
    template_ids: plan.template_ids,
    policy: plan.rules === "own" ? JSON.parse(plan.document) : null,
    starts_at: moment("starts_at"),
    ends_at: moment("ends_at"),
    priority: numberOr(plan.priority, 0),
    control_share: Math.round(numberOr(plan.control, 0) * 1e6) / 1e8,
    resend: plan.resend,
    budget: messages === null && amount === null ? null : { messages, amount, per: plan.per },
    good_for_minutes: plan.good_for === "" ? null : Number(plan.good_for) * plan.unit,
  };
}

/** Give what can be seen to be wrong before anybody is asked: fields and the keys of what is said of them. */
export function faultsOf(plan, taken) {
  const share = Number(plan.control);
  const tests = {
    name: !plan.name.trim() && "compose.needed",
    key: !plan.key.trim() ? "compose.needed" : taken.has(plan.key.trim()) && "compose.taken",
    segment: plan.trigger === "hand" && !plan.segment && "compose.needed",
    trigger_type: plan.trigger === "event" && !plan.trigger_type.trim() && "compose.needed",
    trigger_segment: isByMembership(plan) && !plan.trigger_segment && "compose.needed",
    purpose: !plan.purpose.trim() && "compose.needed",
    control_share: (share < 0 || share > 100) && "compose.not_a_share",
    ends_at: plan.starts_at && plan.ends_at && plan.starts_at >= plan.ends_at && "compose.ends_first",
    policy: plan.rules === "own" && !isObject(plan.document) && "compose.not_json",
  };
  return Object.fromEntries(Object.entries(tests).filter(([, key]) => key));
}

function isObject(text) {
  try {
    const read = JSON.parse(text);
    return typeof read === "object" && read !== null && !Array.isArray(read);
  } catch {
    return false;
  }
}

/** Give each error of a refused body the field that it concerns, and itself; null is the form as a whole. */
export function placed(problem) {
  return problem.errors.map((one) => {
    const name = one.field.replace(/^body\.?/, "");
    const known = KNOWN.find((field) => name === field || name.startsWith(`${field}.`)) ?? OTHERS[one.kind] ?? (name.startsWith("budget") ? "budget.messages" : null);
    return [known, one];
  });
}

/** Make a key of a name: small letters without marks, joined by dashes. */
export function keyOf(name) {
  const bare = name.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replaceAll("đ", "d");
  return bare.replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 100);
}
