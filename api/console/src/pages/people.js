// Finding a person.
import { el, fill } from "../dom.js";
import { badge } from "../parts/badge.js";
import { empty, trouble } from "../parts/notice.js";

const SOON_MS = 200;

export async function page({ t, say, api, link, signal, address, go }) {
  const results = el("div", { "aria-live": "polite" });
  const input = el("input", {
    id: "search",
    type: "search",
    autocomplete: "off",
    spellcheck: "false",
    value: address.query.get("q") ?? "",
    placeholder: t("people.placeholder"),
    oninput: () => soon(),
  });
  let waiting = 0;
  let asked = 0;

  function soon() {
    clearTimeout(waiting);
    waiting = setTimeout(look, SOON_MS);
  }

  async function look() {
    const text = input.value.trim();
    const mine = ++asked;
    history.replaceState(null, "", text ? `#/people?q=${encodeURIComponent(text)}` : "#/people");
    if (!text) {
      fill(results, newest);
      return;
    }
    try {
      const found = await api.get("/search/people", { query: { q: text }, signal });
      if (mine === asked) fill(results, listed(found.items), found.is_cut && el("p", { class: "soft small" }, t("people.cut")));
    } catch (error) {
      if (mine === asked && error.name !== "AbortError") fill(results, trouble(t, error, look));
    }
  }

  function listed(people) {
    if (!people.length) return empty(t("people.none"));
    return el(
      "ul",
      { class: "list" },
      people.map((person) =>
        el(
          "li",
          null,
          el(
            "a",
            { class: "row", href: link("people", person.ext_id) },
            el("span", { class: "strong" }, person.name ?? person.ext_id),
            el("span", { class: "mono soft" }, person.ext_id),
            person.status !== "active" && badge(say("status", person.status)),
            person.matched && el("span", { class: "soft small end" }, t("people.matched", { what: say("matched", person.matched) })),
          ),
        ),
      ),
    );
  }

  const first = await api.get("/profiles", { query: { limit: 12 }, signal });
  const newest = first.items.length
    ? [el("h2", { class: "small-heading" }, t("people.some")), listed(first.items)]
    : [empty(t("people.nobody"))];
  fill(results, newest);
  if (input.value) await look();
  const open = (event) => {
    event.preventDefault();
    const only = results.querySelectorAll("a.row");
    if (only.length === 1) only[0].click();
    else look();
  };
  return {
    title: t("nav.people"),
    node: el(
      "div",
      { class: "page narrow" },
      el("h1", null, t("people.title")),
      el(
        "form",
        { role: "search", class: "search", onsubmit: open },
        el("label", { for: "search", class: "unseen" }, t("people.search")),
        input,
      ),
      results,
    ),
  };
}
