// What a campaign is made of: for whom it decides and what it may say, by name, each a way to its page.
import { el, fill } from "../dom.js";
import { trouble } from "./notice.js";

export function madeOf(context, campaign) {
  const { t } = context;
  const inside = el("div", null, el("p", { class: "waiting", role: "status" }, t("loading")));
  look(context, campaign, inside);
  return el("section", { class: "card", "aria-labelledby": "made-heading" }, el("h2", { id: "made-heading" }, t("campaign.made")), inside);
}

async function look(context, campaign, inside) {
  const { t, api, signal } = context;
  try {
    const [segments, templates] = await Promise.all([
      campaign.segment_id === null && !campaign.trigger_segment ? [] : api.all("/segments", { signal }),
      Promise.all(campaign.template_ids.map((id) => api.get(`/templates/${id}`, { signal }))),
    ]);
    fill(inside, el("dl", { class: "plain" }, row(t("campaign.for"), whom(context, campaign, segments)), row(t("campaign.says"), says(context, templates))));
  } catch (error) {
    if (error.name !== "AbortError") fill(inside, trouble(t, error));
  }
}

const row = (name, ...said) => el("div", null, el("dt", { class: "soft small" }, name), el("dd", null, said));

function whom({ t, link }, campaign, segments) {
  const own = segments.find((one) => one.segment_id === campaign.segment_id);
  const watched = segments.find((one) => one.key === campaign.trigger_segment);
  const to = (one) => el("a", { href: link("segments", one.key) }, one.name);
  const said = [
    own && el("p", null, to(own)),
    watched && el("p", null, t(campaign.trigger_change === "left" ? "campaign.for.left" : "campaign.for.joined"), " ", to(watched)),
    campaign.trigger_type && el("p", null, t("campaign.for.event", { type: campaign.trigger_type })),
  ].filter(Boolean);
  return said.length ? said : el("p", { class: "soft" }, t("campaign.for.nobody"));
}

function says({ t, say, link }, templates) {
  if (!templates.length) return el("p", { class: "soft" }, t("campaign.says.nothing"));
  return el(
    "ul",
    null,
    templates.map((one) =>
      el("li", null, el("a", { class: "break", href: link("templates", one.template_id) }, one.key), el("span", { class: "soft small" }, ` · ${say("channel", one.channel)}, ${t("templates.version", { version: one.version })}`)),
    ),
  );
}
