// Planning a campaign, or changing one that is a draft or paused: one form, saved as it is by the API.
import { el, fill } from "../dom.js";
import { audience } from "../compose/audience.js";
import { limits } from "../compose/limits.js";
import { messages } from "../compose/messages.js";
import { blank, bodyOf, faultsOf, keyOf, placed, planOf } from "../compose/plan.js";
import { rules } from "../compose/rules.js";
import { field } from "../parts/field.js";
import { empty, trouble } from "../parts/notice.js";
import { isOvertaken, overtaken, unless } from "../parts/overtaken.js";
import { saidOf, sentence } from "../parts/said.js";

// What was typed outlives another language or theme, not another page.
let kept = null;
window.addEventListener("hashchange", () => {
  kept = null;
});

async function usualPolicy(api, signal) {
  try {
    return await api.get("/policies/default", { signal });
  } catch (error) {
    if (error.status !== 404) throw error;
    return { document: {}, ...(await api.post("/policies/check", { document: {} }, { signal })) };
  }
}

async function ownPolicy(api, campaign, signal) {
  if (campaign.policy_id === null) return null;
  return (await api.get(`/policies/${encodeURIComponent(`campaign:${campaign.key}`)}`, { signal })).document;
}

/** Give the templates, the newest approved version of each offered, the others there for campaigns that name them. */
function readyTemplates(templates) {
  const isApproved = (one) => one.status === "approved";
  const newest = new Map();
  for (const one of templates.filter(isApproved)) {
    const place = `${one.channel} ${one.key}`;
    if (!newest.has(place) || newest.get(place).version < one.version) newest.set(place, one);
  }
  const offered = new Set(newest.values());
  return templates.map((one) => ({ ...one, isApproved: isApproved(one), isOffered: offered.has(one) }));
}

export async function page(context) {
  const { t, api, address, signal, may, format, caller } = context;
  const isNew = address.parts[1] === "new";
  const title = t(isNew ? "compose.new" : "compose.change");
  if (!may("write")) return { title, node: el("div", { class: "page narrow" }, el("h1", null, title), empty(t("compose.no_scope"))) };
  const [segments, templates, campaigns, usual, campaign] = await Promise.all([
    api.all("/segments", { signal }),
    api.all("/templates", { signal }),
    api.all("/campaigns", { signal }),
    usualPolicy(api, signal),
    isNew ? null : api.get(`/campaigns/${encodeURIComponent(address.parts[1])}`, { signal }),
  ]);
  if (kept?.hash !== location.hash || kept.slug !== caller.slug) {
    const plan = isNew ? blank() : planOf(campaign, segments, await ownPolicy(api, campaign, signal), format);
    kept = { hash: location.hash, slug: caller.slug, plan };
  }
  const { plan } = kept;
  if (campaign) plan.was.key = campaign.key;
  const inUse = new Set([plan.segment, plan.trigger_segment]);
  const known = {
    segments: segments.filter((one) => !one.archived_at || inUse.has(one.key)),
    eventTypes: [...new Set([...campaigns.map((one) => one.trigger_type), ...segments.flatMap((one) => one.event_types)])].filter(Boolean).sort(),
  };
  const said = messages(context, plan, readyTemplates(templates));
  const parts = [naming(context, plan, isNew), audience(context, plan, known, said.suggest), said, rules(context, plan, usual), limits(context, plan)];
  const taken = new Set(isNew ? campaigns.map((one) => one.key) : []);
  return { title, node: form(context, { title, plan, parts, taken, campaign }) };
}

function naming({ t }, plan, isNew) {
  const name = el("input", { maxlength: "200", autocomplete: "off", value: plan.name, oninput: named });
  const key = el("input", { class: "mono", maxlength: "100", autocomplete: "off", spellcheck: "false", value: plan.key, readonly: !isNew, oninput: () => (plan.key = key.value) });

  function named() {
    if (isNew && plan.key === keyOf(plan.name)) {
      plan.key = keyOf(name.value);
      key.value = plan.key;
    }
    plan.name = name.value;
  }

  const fields = {
    name: field({ id: "name", label: t("compose.name") }, name),
    key: field({ id: "key", label: t("compose.key"), hint: t(isNew ? "compose.key.hint" : "compose.key.fixed") }, key),
  };
  return {
    fields,
    node: el(
      "section",
      { class: "card", "aria-labelledby": "naming-heading" },
      el("h2", { id: "naming-heading" }, t("compose.naming")),
      el("div", { class: "field-grid" }, fields.name.node, fields.key.node),
    ),
  };
}

function form(context, { title, plan, parts, taken, campaign }) {
  const { t, api, signal, go, link, format } = context;
  const fields = Object.assign({}, ...parts.map((part) => part.fields));
  const told = el("div");
  const save = el("button", { class: "main", type: "submit" }, t("compose.save"));

  /** Say at each field what is wrong with it, and go to the first. */
  function blame(faults) {
    const first = Object.keys(fields).find((name) => faults[name]);
    for (const [name, each] of Object.entries(fields)) each.fault(faults[name] ?? "");
    if (!first) return;
    fill(told, el("p", { class: "notice bad", role: "alert" }, t("compose.look_again", { count: Object.keys(faults).length })));
    fields[first].control.focus();
  }

  function seen() {
    const unread = Object.entries(fields).filter(([, each]) => each.control.validity.badInput);
    const faults = { ...faultsOf(plan, taken), ...Object.fromEntries(unread.map(([name]) => [name, "compose.unreadable"])) };
    return Object.fromEntries(Object.entries(faults).map(([name, key]) => [name, t(key)]));
  }

  /** Somebody else saved it: what they saved comes, what was typed here goes. */
  function reload() {
    kept = null;
    context.again();
  }

  function refused(error) {
    if (isOvertaken(error)) {
      fill(told, overtaken(context, error, { reload, placeOf: (there) => link("campaigns", there.record_id) }));
      told.querySelector("a, button").focus();
      return;
    }
    const faults = "errors" in error ? placed(error) : [];
    const isWhole = faults.some(([name]) => name === null);
    blame(Object.fromEntries(faults.filter(([name]) => name !== null).map(([name, one]) => [name, t("compose.refused", { why: saidOf(t, one) })])));
    if (isWhole || !faults.length) fill(told, trouble(t, error));
  }

  async function submit(event) {
    event.preventDefault();
    fill(told);
    const faults = seen();
    blame(faults);
    if (Object.keys(faults).length) return;
    save.disabled = true;
    try {
      const body = bodyOf(plan, format);
      if (body.policy) await checked(body.policy);
      const made = await api.post("/campaigns", body, { signal, headers: unless(campaign && plan.was) });
      go("campaigns", made.campaign_id);
    } catch (error) {
      if (error.name !== "AbortError") refused(error);
      save.disabled = false;
    }
  }

  /** Have the policy read first, so that what is wrong with it is said where it stands. */
  async function checked(document) {
    try {
      await api.post("/policies/check", { document }, { signal });
    } catch (error) {
      const faults = error.errors?.length ? error.errors : [{ message: sentence(t, error) }];
      if (error.status === 422) error.errors = faults.map((one) => ({ ...one, field: "body.policy" }));
      throw error;
    }
  }

  return el(
    "form",
    { class: "page narrow compose", novalidate: true, onsubmit: submit },
    el("header", { class: "head" }, el("h1", null, title), el("p", { class: "soft" }, t("compose.about"))),
    campaign && !["draft", "paused"].includes(campaign.status) && el("p", { class: "notice wait" }, t("compose.fixed")),
    parts.map((part) => part.node),
    told,
    el("div", { class: "tools" }, save, el("a", { class: "button", href: campaign ? link("campaigns", campaign.campaign_id) : link("campaigns") }, t("dialog.no"))),
  );
}
