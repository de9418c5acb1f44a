// The languages of a template as tabs: turned to, added, taken away, marked where something in one is wrong.
import { el, fill } from "../dom.js";
import { confirmed } from "../parts/confirm.js";
import { choice } from "../parts/field.js";
import { nameOf } from "./names.js";

const COMMON = ["vi", "en", "zh", "ko", "ja", "fr", "km", "lo", "th"];

/** Give `{node, turn(locale), mark(locales)}`; `panelOf(locale)` gives what stands in a tab, `turned` hears which is shown. */
export function tabs(context, draft, { panelOf, turned, add, drop, shown }) {
  const { t } = context;
  const list = el("div", { class: "tabs", role: "tablist", "aria-label": t("template.languages") });
  const room = el("div", { class: "column", id: "language-room", role: "tabpanel", tabindex: "-1" });
  const tools = el("div", { class: "tools" });
  let here = draft.said.has(shown) ? shown : draft.locale;

  function turn(locale) {
    here = locale;
    for (const tab of list.children) {
      const isHere = tab.dataset.tab === locale;
      tab.setAttribute("aria-selected", String(isHere));
      tab.tabIndex = isHere ? 0 : -1;
    }
    room.setAttribute("aria-labelledby", `language-${locale}`);
    for (const one of draft.said.keys()) panelOf(one).hidden = one !== locale;
    fill(tools, locale !== draft.locale && el("button", { type: "button", class: "quiet danger", onclick: away }, t("template.languages.drop", { name: nameOf(context, locale) })));
    turned(locale);
  }

  function press(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const all = [...list.children];
    const next = all[(all.indexOf(event.currentTarget) + step + all.length) % all.length];
    next.focus();
    turn(next.dataset.tab);
  }

  function stand() {
    fill(
      list,
      [...draft.said.keys()].map((locale) =>
        el("button", { type: "button", role: "tab", id: `language-${locale}`, "data-tab": locale, "aria-controls": room.id, onclick: () => turn(locale), onkeydown: press }, nameOf(context, locale), locale === draft.locale && el("span", { class: "soft small" }, ` ${t("template.languages.own")}`), el("span", { class: "mark-wrong", hidden: true }, " ● ", el("span", { class: "unseen" }, t("template.languages.wrong")))),
      ),
    );
    fill(room, [...draft.said.keys()].map(panelOf));
    const left = COMMON.filter((one) => ![...draft.said.keys()].some((known) => known.toLowerCase().split(/[-_]/)[0] === one));
    const more = choice([["", t("template.languages.add")], ...left.map((one) => [one, nameOf(context, one)])], "", grow);
    more.setAttribute("aria-label", t("template.languages.add"));
    more.className = "add-language";
    more.disabled = !left.length;
    fill(adding, more);
    turn(here);
  }

  const adding = el("div");

  function grow(locale) {
    if (!locale) return;
    add(locale);
    here = locale;
    stand();
    list.querySelector(`[data-tab="${locale}"]`).focus();
  }

  async function away() {
    const locale = here;
    if (!(await confirmed(context, t("template.languages.drop.sure", { name: nameOf(context, locale) }), t("compose.remove")))) return;
    drop(locale);
    here = draft.locale;
    stand();
    list.querySelector("[role=tab]").focus();
  }

  stand();
  return {
    node: el("div", { class: "column" }, el("div", { class: "between" }, list, adding), room, tools),
    turn,
    /** Mark the languages in which something is wrong. */
    mark(locales) {
      for (const tab of list.children) tab.querySelector(".mark-wrong").hidden = !locales.has(tab.dataset.tab);
    },
  };
}
