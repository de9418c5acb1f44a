// What can be asked without writing it: search phrases of the library, saved queries, and what was asked before.
import { el, fill } from "../dom.js";
import { typedOf } from "./parameters.js";

/** Give the shelf; `take(query, parameters, isRun)` puts a query into the editor. */
export function shelf(context, library, take) {
  const { t, language } = context;
  const saved = el("div");
  const asked = el("div");
  const phrases = library.filter((one) => one.phrases?.[language]);
  const node = el(
    "div",
    { class: "column" },
    el(
      "section",
      { class: "card", "aria-labelledby": "phrases-heading" },
      el("h2", { id: "phrases-heading" }, t("explorer.phrases")),
      el("ul", { class: "plain phrases" }, phrases.map((one) => phrase(context, one, take))),
    ),
    el("section", { class: "card", "aria-labelledby": "saved-heading" }, el("h2", { id: "saved-heading" }, t("explorer.saved")), saved),
    el("section", { class: "card", "aria-labelledby": "history-heading" }, el("h2", { id: "history-heading" }, t("explorer.history")), asked),
  );
  return {
    node,
    async again() {
      await Promise.all([listSaved(context, saved, take), listAsked(context, asked, take)]);
    },
  };
}

function phrase({ t, language }, one, take) {
  const inputs = one.parameters.map((parameter) => [
    parameter,
    el("input", { id: `p-${one.name}-${parameter.name}`, autocomplete: "off", required: true, placeholder: parameter[language] }),
  ]);
  const words = one.phrases[language].replace(/\{(\w+)\}/g, (mark, name) => `‹${one.parameters.find((parameter) => parameter.name === name)?.[language] ?? name}›`);
  const ask = (event) => {
    event.preventDefault();
    const given = inputs.map(([parameter, input]) => [parameter.name, parameter.kind === "number" ? Number(input.value) : input.value]);
    take(one.text, Object.fromEntries(given), true);
  };
  return el(
    "li",
    null,
    el(
      "details",
      { "data-phrase": one.name },
      el("summary", null, words),
      el(
        "form",
        { class: "phrase", onsubmit: ask },
        inputs.map(([parameter, input]) => [el("label", { for: input.id }, parameter[language]), input]),
        el("button", { class: "main", type: "submit" }, t("explorer.ask")),
      ),
    ),
  );
}

async function listSaved({ t, api, may, signal }, room, take) {
  const found = await api.get("/cypher/saved", { query: { limit: 100 }, signal });
  fill(
    room,
    found.items.length
      ? el(
          "ul",
          { class: "plain" },
          found.items.map((one) =>
            el("li", null, el("button", { type: "button", class: "textlike", onclick: () => take(one.text, one.parameters, false) }, one.name), one.note && el("p", { class: "soft small" }, one.note)),
          ),
        )
      : el("p", { class: "soft small" }, may("write") ? t("explorer.saved_none") : t("explorer.saved_nothing")),
  );
}

async function listAsked({ t, api, format, signal }, room, take) {
  const found = await api.get("/cypher/history", { query: { limit: 12 }, signal });
  const queries = found.items.filter((one) => one.kind === "query");
  fill(
    room,
    queries.length
      ? el(
          "ul",
          { class: "plain" },
          queries.map((one) =>
            el(
              "li",
              null,
              el("button", { type: "button", class: "textlike mono", title: one.text, onclick: () => take(one.text, one.parameters, false) }, one.text.replace(/\s+/g, " ").slice(0, 90)),
              el(
                "p",
                { class: "soft small" },
                `${format.moment(one.created_at)} · ${t(`asked.${one.status}`)}`,
                one.took_ms !== null && ` · ${format.count(one.took_ms)} ms`,
                Object.entries(one.parameters).map(([name, value]) => ` · ${name}: ${typedOf(value)}`),
              ),
            ),
          ),
        )
      : el("p", { class: "soft small" }, t("explorer.history_none")),
  );
}
