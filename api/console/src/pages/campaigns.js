// Every campaign, the newest first.
import { el } from "../dom.js";
import { badge, toneOf } from "../parts/badge.js";
import { empty } from "../parts/notice.js";

export async function page({ t, say, api, link, format, signal, may }) {
  const found = await api.get("/campaigns", { query: { limit: 500 }, signal });
  const campaigns = found.items.toReversed();
  return {
    title: t("nav.campaigns"),
    node: el(
      "div",
      { class: "page" },
      el("div", { class: "between" }, el("h1", null, t("campaigns.title")), may("write") && el("a", { class: "button main", href: link("campaigns", "new") }, t("compose.new"))),
      campaigns.length
        ? el(
            "ul",
            { class: "list" },
            campaigns.map((one) =>
              el(
                "li",
                null,
                el(
                  "a",
                  { class: "row", href: link("campaigns", one.campaign_id) },
                  el("span", { class: "strong" }, one.name),
                  badge(say("status", one.status), toneOf(one.status)),
                  el("span", { class: "mono soft" }, one.key),
                  el(
                    "span",
                    { class: "soft small end" },
                    one.trigger_type ? t("campaigns.on_event", { type: one.trigger_type }) : t("campaigns.made", { at: format.moment(one.created_at) }),
                  ),
                ),
              ),
            ),
          )
        : empty(t("campaigns.none"), may("write") && el("a", { class: "button", href: link("campaigns", "new") }, t("compose.new"))),
      found.next && el("p", { class: "soft small" }, t("campaigns.cut")),
    ),
  };
}
