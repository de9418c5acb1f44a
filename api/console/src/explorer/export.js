// What was found, as files: PNG, CSV, JSON, GraphML.

function save(content, type, name) {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** One cell: quoted where needed; what a spreadsheet would take for a formula is marked as text. */
export function cellOf(value) {
  const text = value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csvOf({ columns, rows }) {
  return [columns, ...rows].map((row) => row.map(cellOf).join(",")).join("\r\n") + "\r\n";
}

/** GraphML, made as a document, so that no value can end an element. */
export function graphmlOf({ nodes, edges }) {
  const space = "http://graphml.graphdrawing.org/xmlns";
  const document_ = document.implementation.createDocument(space, "graphml");
  const add = (parent, name, attributes, text) => {
    const node = document_.createElementNS(space, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, clean(value));
    if (text !== undefined) node.textContent = clean(text);
    parent.append(node);
    return node;
  };
  const root = document_.documentElement;
  for (const kind of ["node", "edge"]) {
    const found = new Set((kind === "node" ? nodes : edges).flatMap((one) => Object.keys(one.properties)));
    for (const name of ["label", ...found]) add(root, "key", { id: `${kind}.${name}`, for: kind, "attr.name": name, "attr.type": "string" });
  }
  const graph = add(root, "graph", { id: "leo", edgedefault: "directed" });
  const tell = (kind, node, one) => {
    for (const [name, value] of [["label", one.label], ...Object.entries(one.properties)]) {
      add(node, "data", { key: `${kind}.${name}` }, typeof value === "object" ? JSON.stringify(value) : String(value));
    }
  };
  for (const one of nodes) tell("node", add(graph, "node", { id: one.id }), one);
  for (const one of edges) tell("edge", add(graph, "edge", { id: one.id, source: one.start_id, target: one.end_id }), one);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(document_)}\n`;
}

// XML has no way to hold control characters.
const clean = (text) => String(text).replace(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, "");

export const exports_ = {
  png: ({ cy }) => save(cy.png({ output: "blob", full: true, scale: 2, bg: getComputedStyle(document.body).backgroundColor }), "image/png", "leo.png"),
  csv: ({ answer }) => save(csvOf(answer), "text/csv;charset=utf-8", "leo.csv"),
  json: ({ answer, graph }) => save(JSON.stringify({ columns: answer.columns, rows: answer.rows, graph }, null, 2), "application/json", "leo.json"),
  graphml: ({ graph }) => save(graphmlOf(graph), "application/xml", "leo.graphml"),
};
