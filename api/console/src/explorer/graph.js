// The answer as a graph: a legend that counts and picks, colours by label, size by a property, neighbours in and out.
import { el, fill } from "../dom.js";
import { archivedOn } from "../parts/badge.js";
import { trouble } from "../parts/notice.js";
import { picture } from "../parts/picture.js";
import { HIGH, placesAround, WIDE } from "./around.js";

const OWN = {
  Event: "--event", Task: "--task", Decision: "--decision", Delivery: "--delivery", Outcome: "--outcome",
  Profile: "--c1", Segment: "--c2", Campaign: "--c4", Template: "--c5", Run: "--c6", Channel: "--c3",
};
const REST = ["--c2", "--c3", "--c5", "--c6"];
const CAPTIONS = ["name", "key", "ext_id", "title", "type", "action", "channel", "kind"];
const LONGEST = 22;
const LARGEST = 1.15;
const SIZE = 30;
const MARGIN = 30;

const endsOf = (numbers, around) => [Math.min(...numbers) - around, Math.max(...numbers) + around];

export function colourOf(label) {
  if (OWN[label]) return OWN[label];
  const sum = [...label].reduce((total, letter) => (total * 31 + letter.codePointAt(0)) % 9973, 7);
  return REST[sum % REST.length];
}

export function captionOf(node) {
  const name = CAPTIONS.find((one) => node.properties[one] !== undefined && node.properties[one] !== null);
  const text = name ? String(node.properties[name]) : `${node.label} ${node.id}`;
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}

/** Draw a graph; gives the node, the cytoscape object and what is drawn now. */
export function graphView(context, answer) {
  const { t, api, signal, format } = context;
  const most = answer.limits.nodes;
  const nodes = new Map();
  const edges = new Map();
  // Which node each was brought by; what the query found has none.
  const origin = new Map();
  const box = el("div", { class: "picture tall", role: "img", "aria-label": t("explorer.graph_label") });
  const legend = el("div", { class: "legend tools", role: "group", "aria-label": t("explorer.legend") });
  const aside = el("section", { class: "detail", "aria-live": "polite", "aria-label": t("explorer.node") });
  const notes = el("div", { role: "status" });
  const list = el("select", { id: "node-list", onchange: () => list.value && choose(cy.getElementById(list.value)) });
  const sizes = el("select", { id: "size-by", onchange: () => resize() });
  const cy = picture(box, { nodes: [], edges: [] }, {
    layout: "cose",
    kinds: [],
    signal,
    onTap: (data, node) => choose(node),
    extra: [
      {
        selector: "node",
        style: {
          shape: "ellipse", width: "data(size)", height: "data(size)", padding: 0, "text-valign": "bottom", "text-margin-y": 4,
          "background-color": "data(colour)", "background-opacity": 0.9, "border-width": 0, "font-size": 10, "text-max-width": 90,
        },
      },
      // What is too small to be read is not drawn: a hundred turned names cost more than all the rest.
      { selector: "edge", style: { label: "data(label)", "font-size": 8, "min-zoomed-font-size": 6, "text-rotation": "autorotate", "text-opacity": 0.75 } },
      { selector: "node[?archived]", style: { "background-opacity": 0.35, "border-width": 2, "border-style": "dashed", "border-color": "data(colour)" } },
      { selector: ".faded", style: { opacity: 0.15 } },
    ],
  });

  const colours = new Map();
  const painted = (name) => {
    if (!colours.has(name)) colours.set(name, resolved(name));
    return colours.get(name);
  };
  const resolved = (name) => {
    const probe = el("span", { class: "unseen" });
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };

  function add(graph, by) {
    const fresh = [];
    const joined = [];
    let isCut = false;
    for (const node of graph.nodes) {
      if (nodes.has(node.id)) continue;
      if (nodes.size >= most) {
        isCut = true;
        continue;
      }
      nodes.set(node.id, node);
      if (by) origin.set(node.id, by);
      fresh.push({ group: "nodes", data: { id: node.id, label: captionOf(node), kind: node.label, size: SIZE, colour: painted(colourOf(node.label)), archived: Boolean(node.properties.archived_at) } });
    }
    for (const edge of graph.edges) {
      if (edges.has(edge.id) || !nodes.has(edge.start_id) || !nodes.has(edge.end_id)) continue;
      edges.set(edge.id, edge);
      joined.push({ group: "edges", data: { id: `e${edge.id}`, source: edge.start_id, target: edge.end_id, label: edge.label } });
    }
    if (by) place(fresh, by);
    cy.batch(() => cy.add([...fresh, ...joined]));
    if (by) frame();
    drawn();
    return isCut;
  }

  /** Give new nodes places around the one that brought them, those of one label side by side; what is there stays where it is. */
  function place(fresh, by) {
    const taken = cy.nodes().map((node) => node.position());
    fresh.sort((a, b) => a.data.kind.localeCompare(b.data.kind));
    const places = placesAround({ ...cy.getElementById(by).position() }, taken, fresh.length);
    fresh.forEach((node, at) => (node.position = { x: places[at].x, y: places[at].y }));
  }

  /** Show all of it, by the places alone: what boxes with names would be costs more than drawing them. */
  function frame() {
    if (!box.clientWidth) return;
    const points = cy.nodes().map((node) => node.position());
    const [left, right] = endsOf(points.map((point) => point.x), WIDE / 2);
    const [top, bottom] = endsOf(points.map((point) => point.y), HIGH / 2);
    const zoom = Math.max(cy.minZoom(), Math.min(LARGEST, (box.clientWidth - 2 * MARGIN) / (right - left), (box.clientHeight - 2 * MARGIN) / (bottom - top)));
    cy.viewport({ zoom, pan: { x: box.clientWidth / 2 - (zoom * (left + right)) / 2, y: box.clientHeight / 2 - (zoom * (top + bottom)) / 2 } });
  }

  function drawn() {
    box.dataset.drawn = String(nodes.size);
    const counts = new Map();
    for (const node of nodes.values()) counts.set(node.label, (counts.get(node.label) ?? 0) + 1);
    fill(
      legend,
      [...counts].sort((a, b) => b[1] - a[1]).map(([label, count]) => {
        const swatch = el("span", { class: "swatch", "aria-hidden": "true" });
        swatch.style.color = `var(${colourOf(label)})`;
        return el("button", { type: "button", class: "quiet", "aria-pressed": "false", onclick: (event) => pick(event.currentTarget, label) }, swatch, `${label} ${format.count(count)}`);
      }),
    );
    const numbers = new Set();
    for (const node of nodes.values()) for (const [name, value] of Object.entries(node.properties)) if (typeof value === "number" && !name.endsWith("_id")) numbers.add(name);
    const chosen = sizes.value;
    fill(sizes, ["", "degree", ...numbers].map((name) => el("option", { value: name }, name === "" ? t("explorer.size_same") : name === "degree" ? t("explorer.size_degree") : name)));
    sizes.value = chosen;
    listed();
    if (chosen) resize();
  }

  /** Bring the list of nodes up to what is drawn; what stands there already is left as it is. */
  function listed() {
    const there = new Map([...list.options].map((option) => [option.value, option]));
    for (const [id, option] of there) if (id && !nodes.has(id)) option.remove();
    if (!there.size) list.append(el("option", { value: "" }, t("explorer.choose")));
    list.append(...[...nodes.values()].filter((node) => !there.has(node.id)).map((node) => el("option", { value: node.id }, `${node.label}: ${captionOf(node)}`)));
  }

  function pick(button, label) {
    const isPicked = button.getAttribute("aria-pressed") === "true";
    for (const other of legend.querySelectorAll("button")) other.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-pressed", String(!isPicked));
    cy.elements().removeClass("faded");
    if (!isPicked) cy.nodes().filter((node) => node.data("kind") !== label).addClass("faded");
  }

  function resize() {
    const by = sizes.value;
    const value = (node) => (by === "degree" ? node.degree(false) : Number(nodes.get(node.id())?.properties[by]) || 0);
    const top = Math.max(1e-9, ...cy.nodes().map(value));
    cy.batch(() => {
      for (const node of cy.nodes()) node.data("size", by ? 18 + 42 * Math.sqrt(Math.max(0, value(node)) / top) : SIZE);
    });
  }

  async function expand(id) {
    const began = performance.now();
    fill(notes, el("p", { class: "waiting" }, t("loading")));
    try {
      const found = await api.post("/cypher/expand", { node_id: id }, { signal });
      const told = performance.now();
      // Drawn is when the picture has been painted, not when it was asked for.
      cy.one("render", () => {
        box.dataset.networkMs = String(Math.round(told - began));
        box.dataset.expandMs = String(Math.round(performance.now() - began));
      });
      const isCut = add(found.graph, id);
      const limits = [
        found.truncated.rows && t("explorer.limit_neighbours", { count: answer.limits.neighbours }),
        isCut && t("explorer.limit_nodes", { count: most }),
      ].filter(Boolean);
      fill(notes, limits.length > 0 && el("p", { class: "notice wait small" }, limits.join(" ")));
      choose(cy.getElementById(id));
    } catch (error) {
      if (error.name !== "AbortError") fill(notes, trouble(t, error));
    }
  }

  /** Take away what an expansion brought, and what that brought. */
  function collapse(id) {
    const gone = [...origin].filter(([, by]) => by === id).map(([node]) => node);
    for (const node of gone) {
      collapse(node);
      remove(node);
    }
    drawn();
  }

  function remove(id) {
    cy.getElementById(id).remove();
    nodes.delete(id);
    origin.delete(id);
    for (const [key, edge] of edges) if (edge.start_id === id || edge.end_id === id) edges.delete(key);
  }

  function choose(element) {
    const node = nodes.get(element.id());
    if (!node) return;
    cy.batch(() => {
      cy.$(":selected").difference(element).unselect();
      element.select();
    });
    const brought = [...origin.values()].includes(node.id);
    fill(
      aside,
      el("h3", null, `${node.label}`),
      el("p", { class: "strong break" }, captionOf(node)),
      node.properties.archived_at && el("p", { class: "small" }, archivedOn(context, node.properties.archived_at), " ", t("archive.node")),
      el(
        "div",
        { class: "tools" },
        el("button", { type: "button", onclick: () => expand(node.id) }, t("explorer.expand")),
        brought && el("button", { type: "button", onclick: () => (collapse(node.id), choose(element)) }, t("explorer.collapse")),
        el("button", { type: "button", onclick: () => (remove(node.id), drawn(), fill(aside)) }, t("explorer.hide")),
        node.label === "Profile" && node.properties.ext_id && el("a", { class: "button", href: context.link("people", node.properties.ext_id) }, t("explorer.journey")),
      ),
      el("dl", { class: "pairs small" }, Object.entries(node.properties).map(([name, value]) => [el("dt", null, name), el("dd", { class: "break" }, shown(name, value))])),
    );
  }

  // The archive's and the tables' moments are as exact as the clock was: nobody reads that beside a picture.
  const shown = (name, value) => (name.endsWith("_at") && !Number.isNaN(Date.parse(value)) ? format.moment(value) : typeof value === "object" ? JSON.stringify(value) : String(value));

  cy.on("dbltap", "node", (event) => expand(event.target.id()));
  const isCut = add(answer.graph, null);
  return {
    cy,
    isCut,
    graph: () => ({ nodes: [...nodes.values()], edges: [...edges.values()] }),
    node: el(
      "div",
      { class: "graph" },
      el(
        "div",
        { class: "between" },
        legend,
        el("div", { class: "tools small" }, el("label", { for: "size-by" }, t("explorer.size_by")), sizes),
      ),
      el("div", { class: "graph-room" }, box, el("div", { class: "graph-side" }, el("label", { for: "node-list" }, t("explorer.nodes")), list, notes, aside)),
    ),
  };
}
