// Every template, its newest version, by channel and key.
import { el } from "../dom.js";
import { badge, toneOf } from "../parts/badge.js";
import { empty } from "../parts/notice.js";

/** Give the newest version of each template, and which of its versions was approved last. */
export function newest(templates) {
  const found = new Map();
  for (const one of [...templates].sort((a, b) => a.version - b.version)) {
    const place = `${one.channel} ${one.key}`;
    const sent = one.status === "approved" ? one : (found.get(place)?.sent ?? null);
    found.set(place, { ...one, sent });
  }
  return [...found.values()].sort((a, b) => a.key.localeCompare(b.key));
}

export async function page({ t, say, api, link, signal, may }) {
  const templates = newest(await api.all("/templates", { signal }));
  return {
    title: t("nav.templates"),
    node: el(
      "div",
      { class: "page" },
      el(
        "header",
        { class: "head" },
        el("div", { class: "between" }, el("h1", null, t("templates.title")), may("write") && el("a", { class: "button main", href: link("templates", "new") }, t("template.new"))),
        el("p", { class: "soft" }, t("templates.about")),
      ),
      templates.length
        ? el(
            "ul",
            { class: "list" },
            templates.map((one) =>
              el(
                "li",
                null,
                el(
                  "a",
                  { class: "row", href: link("templates", one.template_id) },
                  el("span", { class: "strong break" }, one.key),
                  badge(say("template", one.status), toneOf(one.status)),
                  el("span", { class: "soft" }, say("channel", one.channel)),
                  el("span", { class: "soft small end" }, t("templates.version", { version: one.version }), one.sent && one.sent.version < one.version && ` · ${t("templates.sent", { version: one.sent.version })}`),
                ),
              ),
            ),
          )
        : empty(t(may("write") ? "templates.none" : "templates.none.look")),
    ),
  };
}
