// The Cypher explorer: write or pick a query, run it, stop it, look at the answer as a graph, a table, JSON or a plan.
import { el, fill } from "../dom.js";
import { answerView } from "../explorer/answer.js";
import { editor } from "../explorer/editor.js";
import { namesIn, typedOf, valueOf } from "../explorer/parameters.js";
import { linkOf, sharedIn } from "../explorer/share.js";
import { shelf } from "../explorer/shelf.js";
import { confirmed } from "../parts/confirm.js";
import { trouble } from "../parts/notice.js";
import { sentence } from "../parts/said.js";

const FIRST = "MATCH (d:Decision)-[f:DECIDED_FOR]->(p:Profile)\nRETURN d, f, p\nLIMIT 25";

/** A random UUID, also where the page came over plain HTTP from another machine: browsers offer randomUUID to none such. */
function newTicket() {
  const octets = crypto.getRandomValues(new Uint8Array(16));
  octets[6] = (octets[6] & 0x0f) | 0x40;
  octets[8] = (octets[8] & 0x3f) | 0x80;
  const text = [...octets].map((octet) => octet.toString(16).padStart(2, "0")).join("");
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-");
}

export async function page(context) {
  const { t, api, may, signal, address } = context;
  const [schema, library] = await Promise.all([api.get("/cypher/schema", { signal }), api.get("/cypher/library", { signal })]);
  const shared = sharedIn(address.query);
  const typed = new Map(Object.entries(shared?.parameters ?? {}).map(([name, value]) => [name, typedOf(value)]));
  const box = el("div", { class: "editor" });
  const fields = el("div", { class: "fields" });
  const room = el("div", { class: "column" });
  const told = el("p", { class: "soft small", role: "status" });
  const run = el("button", { type: "button", class: "main", onclick: () => ask() }, t("explorer.run"));
  const stop = el("button", { type: "button", hidden: true, onclick: () => halt() }, t("explorer.stop"));
  let ticket = null;

  const pen = editor(box, {
    text: shared?.query ?? FIRST,
    schema,
    label: t("explorer.query"),
    hint: t("explorer.hint"),
    onRun: () => ask(),
    onChange: (text) => fieldsFor(text),
  });
  signal.addEventListener("abort", () => pen.close(), { once: true });
  const side = shelf(context, library.items, take);

  function fieldsFor(text) {
    const names = namesIn(text);
    if (names.join() === [...fields.querySelectorAll("input")].map((input) => input.name).join()) return;
    fill(
      fields,
      names.map((name) =>
        el(
          "div",
          null,
          el("label", { for: `parameter-${name}` }, `$${name}`),
          el("input", { id: `parameter-${name}`, name, autocomplete: "off", value: typed.get(name) ?? "", oninput: (event) => typed.set(name, event.target.value) }),
        ),
      ),
    );
  }

  const parameters = () => Object.fromEntries(namesIn(pen.text()).map((name) => [name, valueOf(typed.get(name) ?? "")]));

  function take(query, given, isRun) {
    for (const [name, value] of Object.entries(given)) typed.set(name, typedOf(value));
    fill(fields);
    pen.write(query);
    fieldsFor(query);
    if (isRun) ask();
    else pen.focus();
  }

  async function ask() {
    if (ticket) return;
    ticket = newTicket();
    run.disabled = true;
    stop.hidden = false;
    const query = { query: pen.text(), parameters: parameters() };
    fill(told, t("explorer.running"));
    try {
      const answer = await api.post("/cypher", { ...query, ticket }, { signal });
      fill(room, answerView(context, answer, () => api.post("/cypher/plan", query, { signal }), schema.has_archive));
      fill(told);
    } catch (error) {
      if (error.name === "AbortError") return;
      fill(told);
      fill(room, trouble(t, error));
    }
    ticket = null;
    run.disabled = false;
    stop.hidden = true;
    side.again().catch(() => {});
  }

  async function halt() {
    fill(told, t("explorer.stopping"));
    try {
      await api.post("/cypher/stop", { ticket }, { signal });
    } catch (error) {
      if (error.name !== "AbortError") fill(told, sentence(t, error));
    }
  }

  async function keep() {
    const given = await confirmed(context, t("explorer.save_sure"), t("explorer.save"), { note: t("explorer.name") });
    if (!given?.note) return;
    try {
      await api.post("/cypher/saved", { name: given.note, text: pen.text(), parameters: parameters() }, { signal });
      fill(told, t("explorer.saved_now"));
      await side.again();
    } catch (error) {
      fill(told, sentence(t, error));
    }
  }

  async function share() {
    const url = linkOf(pen.text(), parameters());
    history.replaceState(null, "", new URL(url).hash);
    try {
      await navigator.clipboard.writeText(url);
      fill(told, t("explorer.copied"));
    } catch {
      fill(told, t("explorer.in_address"));
    }
  }

  fieldsFor(pen.text());
  if (shared) fill(told, t("explorer.shared"));
  await side.again();
  return {
    title: t("nav.explorer"),
    node: el(
      "div",
      { class: "page wide" },
      el("h1", null, t("explorer.title")),
      el(
        "div",
        { class: "columns reverse" },
        side.node,
        el(
          "div",
          { class: "column" },
          el(
            "section",
            { class: "card", "aria-label": t("explorer.query") },
            box,
            fields,
            el(
              "div",
              { class: "between" },
              el(
                "div",
                { class: "tools" },
                run,
                stop,
                may("write") && el("button", { type: "button", onclick: keep }, t("explorer.save")),
                el("button", { type: "button", onclick: share }, t("explorer.share")),
              ),
              el("span", { class: "soft small" }, t("explorer.bounds", { rows: context.format.count(schema.limits.rows), seconds: context.format.number(schema.limits.time_s) })),
            ),
            told,
            schema.has_archive && el("p", { class: "soft small", id: "archive-note" }, t("archive.explorer")),
          ),
          room,
        ),
      ),
    ),
  };
}
