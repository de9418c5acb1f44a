// Whom a campaign is for: what makes it decide, and its segment with the rule in words and who satisfies it now.
import { el } from "../dom.js";
import { choice, field, radios } from "../parts/field.js";
import { satisfied } from "../parts/satisfied.js";

const TRIGGERS = ["hand", "event", "joined", "left"];

/** Give `{node, fields}`; `sampled` is told some people of the segment that was chosen. */
export function audience(context, plan, { segments, eventTypes }, sampled) {
  const { t } = context;
  const options = [["", t("compose.choose")], ...segments.map((one) => [one.key, `${one.name} (${one.key})`])];
  const people = el("div", { class: "inside", "aria-live": "polite", hidden: true });
  const watched = el("div", { class: "inside", "aria-live": "polite", hidden: true });
  const bySegment = (key) => segments.find((one) => one.key === key);

  const type = el("input", { list: "event-types", maxlength: "100", autocomplete: "off", spellcheck: "false", value: plan.trigger_type, oninput: () => (plan.trigger_type = type.value) });
  const fields = {
    trigger_type: field(
      { id: "trigger_type", label: t("compose.trigger_type"), hint: t("compose.trigger_type.hint") },
      type,
      el("datalist", { id: "event-types" }, eventTypes.map((one) => el("option", { value: one }))),
    ),
    trigger_segment: field(
      { id: "trigger_segment", label: t("compose.trigger_segment") },
      choice(options, plan.trigger_segment, (key) => {
        plan.trigger_segment = key;
        told(context, watched, bySegment(key), () => {});
      }),
      watched,
    ),
    segment: field(
      { id: "segment", label: t("compose.segment") },
      choice(options, plan.segment, (key) => {
        plan.segment = key;
        told(context, people, bySegment(key), sampled);
      }),
      people,
    ),
  };
  const also = el("p", { class: "soft small" }, t("compose.segment.also"));
  fields.segment.node.append(also);

  function stand() {
    fields.trigger_type.node.hidden = plan.trigger !== "event";
    fields.trigger_segment.node.hidden = plan.trigger !== "joined" && plan.trigger !== "left";
    also.hidden = plan.trigger === "hand";
  }

  stand();
  told(context, people, bySegment(plan.segment), sampled);
  told(context, watched, bySegment(plan.trigger_segment), () => {});
  return {
    fields,
    node: el(
      "section",
      { class: "card", "aria-labelledby": "audience-heading" },
      el("h2", { id: "audience-heading" }, t("compose.audience")),
      radios(
        { name: "trigger", label: t("compose.trigger"), value: plan.trigger, options: TRIGGERS.map((one) => [one, t(`compose.trigger.${one}`)]) },
        (chosen) => {
          plan.trigger = chosen;
          stand();
        },
      ),
      fields.trigger_type.node,
      fields.trigger_segment.node,
      fields.segment.node,
    ),
  };
}

/** Say a segment's rule, and count who satisfies it at this moment. */
async function told(context, place, segment, sampled) {
  place.hidden = !segment;
  place.dataset.segment = segment?.key ?? "";
  if (!segment) return;
  const found = await satisfied(context, place, { rule: segment.rule, words: segment.text[context.language] });
  if (found && place.dataset.segment === segment.key) sampled(found.sample);
}
