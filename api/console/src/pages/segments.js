// Every segment: its rule in words, and how many satisfied it when it was last looked at.
import { el } from "../dom.js";
import { badge } from "../parts/badge.js";
import { empty } from "../parts/notice.js";

export async function page({ t, api, link, format, language, signal, may }) {
  const segments = (await api.all("/segments", { signal })).toReversed();
  return {
    title: t("nav.segments"),
    node: el(
      "div",
      { class: "page" },
      el("div", { class: "between" }, el("h1", null, t("nav.segments")), may("write") && el("a", { class: "button main", href: link("new-segment") }, t("segment.new"))),
      segments.length
        ? el(
            "ul",
            { class: "list" },
            segments.map((one) =>
              el(
                "li",
                null,
                el(
                  "a",
                  { class: "row", href: link("segments", one.key) },
                  el("span", { class: "strong" }, one.name),
                  el("span", { class: "mono soft" }, one.key),
                  one.archived_at && badge(t("segment.archived")),
                  el("span", { class: "end" }, t("segment.size", { count: format.count(one.size) })),
                  el("span", { class: "soft small whole" }, one.text[language]),
                ),
              ),
            ),
          )
        : empty(t("segment.none"), may("write") && el("a", { class: "button", href: link("new-segment") }, t("segment.new"))),
    ),
  };
}
