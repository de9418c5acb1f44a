// An answer in its four ways: graph, table, JSON, plan; and how it leaves as a file.
import { el, fill } from "../dom.js";
import { exports_ } from "./export.js";
import { sentence } from "../parts/said.js";
import { captionOf, graphView } from "./graph.js";

const WAYS = ["graph", "table", "json", "plan"];

export function answerView(context, answer, askPlan, hasArchive) {
  const { t, format } = context;
  const hasGraph = answer.graph.nodes.length > 0;
  const view = hasGraph ? graphView(context, answer) : null;
  const room = el("div", { id: "answer-room", role: "tabpanel" });
  const tabs = el("div", { class: "tabs", role: "tablist", "aria-label": t("explorer.ways") });
  const shown = {
    graph: () => view.node,
    table: () => table(context, answer, hasArchive),
    json: () => el("pre", { class: "inside tall", tabindex: "0" }, JSON.stringify({ columns: answer.columns, rows: answer.rows }, null, 2)),
    plan: () => planOf(context, askPlan),
  };

  function show(way) {
    for (const tab of tabs.children) {
      const isHere = tab.dataset.way === way;
      tab.setAttribute("aria-selected", String(isHere));
      tab.tabIndex = isHere ? 0 : -1;
    }
    room.setAttribute("aria-labelledby", `tab-${way}`);
    fill(room, shown[way]());
    if (way === "graph") requestAnimationFrame(() => view.cy.resize());
  }

  function turn(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const all = [...tabs.children];
    const next = all[(all.indexOf(event.target) + step + all.length) % all.length];
    next.focus();
    show(next.dataset.way);
  }

  fill(
    tabs,
    WAYS.filter((way) => way !== "graph" || hasGraph).map((way) =>
      el("button", { type: "button", role: "tab", id: `tab-${way}`, "data-way": way, "aria-controls": "answer-room", onclick: () => show(way), onkeydown: turn }, t(`explorer.way_${way}`)),
    ),
  );
  show(hasGraph ? "graph" : "table");
  const files = ["csv", "json", ...(hasGraph ? ["png", "graphml"] : [])];
  const limits = [
    answer.truncated.rows && t("explorer.limit_rows", { count: format.count(answer.limits.rows) }),
    (answer.truncated.nodes || view?.isCut) && t("explorer.limit_nodes", { count: format.count(answer.limits.nodes) }),
  ].filter(Boolean);
  return el(
    "section",
    { class: "card answer", "aria-label": t("explorer.answer"), "data-rows": answer.rows.length },
    el(
      "div",
      { class: "between" },
      tabs,
      el(
        "div",
        { class: "tools", role: "group", "aria-label": t("explorer.export") },
        el("span", { class: "soft small" }, t("explorer.rows", { count: format.count(answer.rows.length), ms: format.count(answer.ms) })),
        files.map((file) => el("button", { type: "button", class: "quiet small", onclick: () => exports_[file]({ cy: view?.cy, answer, graph: view ? view.graph() : answer.graph }) }, file.toUpperCase())),
      ),
    ),
    limits.length > 0 && el("p", { class: "notice wait small", role: "status" }, limits.join(" ")),
    room,
  );
}

function table({ t }, answer, hasArchive) {
  if (!answer.rows.length) return el("p", { class: "soft" }, t("explorer.no_rows"), hasArchive && ` ${t("archive.nothing_live")}`);
  return el(
    "div",
    { class: "scroll tall", tabindex: "0", role: "region", "aria-label": t("explorer.way_table") },
    el(
      "table",
      null,
      el("thead", null, el("tr", null, answer.columns.map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", null, answer.rows.map((row) => el("tr", null, row.map((value) => el("td", { class: typeof value === "number" ? "number" : null }, cell(value)))))),
    ),
  );
}

function cell(value) {
  if (value === null || value === undefined) return el("span", { class: "soft" }, "null");
  if (typeof value !== "object") return String(value);
  if (typeof value.label === "string" && value.properties) return el("code", null, value.start_id ? `[:${value.label}]` : `(:${value.label} ${captionOf(value)})`);
  return el("code", { class: "break" }, JSON.stringify(value));
}

function planOf({ t }, askPlan) {
  const room = el("div", null, el("p", { class: "waiting", role: "status" }, t("loading")));
  askPlan().then(
    (found) => fill(room, el("pre", { class: "inside tall", tabindex: "0" }, found.lines.join("\n"))),
    (error) => error.name !== "AbortError" && fill(room, el("p", { class: "notice bad" }, sentence(t, error))),
  );
  return room;
}
