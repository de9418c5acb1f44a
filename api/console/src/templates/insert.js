// What is personal, put in where the caret is: what people and events have, links, and words for those who have no value.
import { el, fill } from "../dom.js";

const GROUPS = ["profile", "event", "campaign", "link"];
// In the language of the text that they are put into, which need not be the page's.
const LINKS = {
  unsubscribe_url: { vi: "Từ chối nhận tin", en: "Unsubscribe" },
  preferences_url: { vi: "Chọn tin muốn nhận", en: "Choose what you receive" },
};

const quoted = (text) => (text.includes("'") ? `"${text.replaceAll('"', "”")}"` : `'${text}'`);
const said = (expression) => `{{ ${expression} }}`;

/** Give the rows to choose from, each `{group, event, label, hint, write(instead, locale, isMarkup)}`. */
function rowsOf({ t, say, format }, names) {
  const isRare = (one) => one.has !== null && one.has < one.looked_at;
  const share = (one) => (one.has === null ? "" : t("template.names.share", { share: format.share(one.looked_at ? one.has / one.looked_at : 0) }));
  const ways = (one) => {
    if (one.writes === "profile.name") return [["", ""], [" | given_name", t("template.names.given")], [" | salutation: profile.gender", t("template.names.salutation")]];
    if (one.writes === "event.occurred_at") return [[" | date", ""]];
    if (one.kind === "array") return [[" | join: ', '", ""]];
    if (one.kind === "number") return [["", ""], [" | dong", t("template.names.dong")]];
    return [["", ""]];
  };
  return names.flatMap((one) =>
    ways(one).map(([filter, way]) => ({
      group: one.group,
      event: one.event,
      label: [one.is_attribute ? one.name : say("template.name", one.writes), way].filter(Boolean).join(" · "),
      hint: share(one),
      code: said(`${one.writes}${filter}`),
      write(instead, locale, isMarkup) {
        const words = LINKS[one.writes];
        if (words && isMarkup) return `<a href="${said(one.writes)}">${words[locale.slice(0, 2)] ?? words.en}</a>`;
        if (!instead || !(isRare(one) || one.group === "event")) return said(`${one.writes}${filter}`);
        // A filter would take the words for a value.
        return filter ? `{% if ${one.writes} %}${said(`${one.writes}${filter}`)}{% else %}${instead}{% endif %}` : said(`${one.writes} | default: ${quoted(instead)}`);
      },
    })),
  );
}

function put(control, text) {
  control.focus();
  // As if it had been typed, so that it can be taken back as what is typed can.
  if (document.execCommand("insertText", false, text)) return;
  control.setRangeText(text, control.selectionStart, control.selectionEnd, "end");
  control.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Give a function that makes the button for one text field; `locale` is the language of what is written in it. */
export function inserter(context, names) {
  const rows = rowsOf(context, names);
  return (control, locale, isMarkup = () => false) =>
    el("button", { type: "button", class: "quiet insert", "aria-haspopup": "dialog", onclick: () => choose(context, rows, control, locale, isMarkup()) }, el("span", { class: "mono", "aria-hidden": "true" }, "{ }"), context.t("template.insert"));
}

function choose(context, rows, control, locale, isMarkup) {
  const { t, signal } = context;
  const list = el("div", { class: "names" });
  const none = el("p", { class: "soft", role: "status" });
  const search = el("input", { type: "search", id: "names-search", autocomplete: "off", spellcheck: "false", oninput: stand });
  const instead = el("input", { id: "names-instead", autocomplete: "off", maxlength: "200" });
  const dialog = el(
    "dialog",
    { class: "insert-dialog", "aria-labelledby": "names-heading" },
    el(
      "form",
      { method: "dialog", onkeydown: first },
      el("div", { class: "between close" }, el("h2", { id: "names-heading" }, t("template.insert.title")), el("button", { type: "button", class: "quiet square", "aria-label": t("template.close"), onclick: () => dialog.close() }, "×")),
      el("div", { class: "field" }, el("label", { for: "names-search" }, t("template.insert.search")), search),
      el("div", { class: "field" }, el("label", { for: "names-instead" }, t("template.insert.instead")), instead, el("p", { class: "soft small" }, t("template.insert.instead.hint"))),
      list,
      none,
    ),
  );

  function taken(row) {
    const text = row.write(instead.value.trim(), locale, isMarkup);
    dialog.addEventListener("close", () => put(control, text), { once: true });
    dialog.close();
  }

  /** Enter in a field takes the first that was found. */
  function first(event) {
    if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
    event.preventDefault();
    list.querySelector("button")?.click();
  }

  function stand() {
    const wanted = search.value.trim().toLowerCase();
    const found = rows.filter((row) => `${row.label} ${row.code} ${row.event ?? ""}`.toLowerCase().includes(wanted));
    const groups = [...new Set(found.map((row) => JSON.stringify([row.group, row.event])))].map((key) => JSON.parse(key));
    groups.sort((a, b) => GROUPS.indexOf(a[0]) - GROUPS.indexOf(b[0]));
    fill(
      list,
      groups.map(([group, event]) => [
        el("h3", null, event === null ? t(`template.names.${group}`) : t("template.names.of_event", { type: event })),
        el(
          "ul",
          null,
          found
            .filter((row) => row.group === group && row.event === event)
            .map((row) => el("li", null, el("button", { type: "button", class: "quiet", onclick: () => taken(row) }, el("span", null, row.label), el("span", { class: "mono soft small" }, row.code), row.hint && el("span", { class: "soft small end" }, row.hint)))),
        ),
      ]),
    );
    fill(none, found.length ? null : t("template.insert.none"));
  }

  stand();
  dialog.addEventListener("close", () => {
    dialog.remove();
    control.focus();
  });
  signal.addEventListener("abort", () => dialog.close(), { once: true });
  document.body.append(dialog);
  dialog.showModal();
  search.focus();
}
