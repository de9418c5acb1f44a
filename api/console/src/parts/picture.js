// A graph drawn by cytoscape, in the page's colours; laid out from left to right (dagre) or freely (cose).
import cytoscape from "cytoscape";
import dagre from "cytoscape-dagre";
import { painted } from "./painted.js";

cytoscape.use(dagre);

export const LAYOUTS = {
  dagre: { name: "dagre", rankDir: "LR", nodeSep: 14, rankSep: 44, padding: 12, animate: false },
  cose: { name: "cose", padding: 24, animate: false, nodeRepulsion: () => 9000, idealEdgeLength: () => 120, randomize: true },
};

// Few nodes are not drawn larger than the text around them.
const LARGEST = 1.15;

function styleOf(kinds, colourOf) {
  const ink = painted("--ink");
  return [
    {
      selector: "node",
      style: {
        shape: "round-rectangle",
        label: "data(label)",
        "text-wrap": "wrap",
        "text-max-width": 130,
        "text-valign": "center",
        "text-halign": "center",
        "font-size": 12,
        "font-family": "system-ui, sans-serif",
        color: ink,
        width: "label",
        height: "label",
        padding: 9,
        "background-color": painted("--paper"),
        "border-width": 1.5,
        "border-color": painted("--line-strong"),
      },
    },
    ...kinds.map((kind) => ({
      selector: `node[kind = "${kind}"]`,
      style: { "border-color": painted(colourOf(kind)), "background-color": painted(colourOf(kind)), "background-opacity": 0.14 },
    })),
    {
      selector: "edge",
      style: {
        width: 1.5,
        "line-color": painted("--line-strong"),
        "target-arrow-color": painted("--line-strong"),
        "target-arrow-shape": "triangle",
        "arrow-scale": 0.8,
        "curve-style": "bezier",
      },
    },
    {
      selector: "edge[label]",
      style: { label: "data(label)", "font-size": 9, color: painted("--soft"), "text-rotation": "autorotate", "text-background-color": painted("--paper"), "text-background-opacity": 1, "text-background-padding": 2 },
    },
    { selector: ":selected", style: { "border-width": 3, "border-color": painted("--accent") } },
  ];
}

/** Draw into a box that will be on the page; gives the cytoscape object. */
export function picture(box, { nodes, edges }, { layout = "dagre", kinds = [], colourOf = (kind) => `--${kind}`, onTap, signal, extra = [] }) {
  const cy = cytoscape({
    container: null,
    headless: true,
    styleEnabled: true,
    elements: [...nodes.map((data) => ({ data })), ...edges.map((data) => ({ data }))],
    style: [...styleOf(kinds, colourOf), ...extra],
    minZoom: 0.15,
    maxZoom: 2.5,
    wheelSensitivity: 0.3,
  });
  // For the browser's own console, and for tests.
  box.cy = cy;
  const mount = () => {
    if (signal?.aborted) return;
    if (!box.isConnected || !box.clientWidth) {
      requestAnimationFrame(mount);
      return;
    }
    cy.mount(box);
    cy.layout(LAYOUTS[layout]).run();
    bound();
    follow();
    box.dataset.drawn = String(cy.nodes().length);
  };
  const bound = () => cy.zoom() > LARGEST && cy.zoom({ level: LARGEST, renderedPosition: { x: box.clientWidth / 2, y: box.clientHeight / 2 } }) && cy.center();
  // A phone that is turned, or a window made narrow, must not leave the drawing out of sight.
  const follow = () => {
    let width = box.clientWidth;
    const watched = new ResizeObserver(() => {
      if (!box.clientWidth || box.clientWidth === width) return;
      width = box.clientWidth;
      cy.resize();
      cy.fit(undefined, LAYOUTS[layout].padding);
      bound();
    });
    watched.observe(box);
    signal?.addEventListener("abort", () => watched.disconnect(), { once: true });
  };
  requestAnimationFrame(mount);
  if (onTap) cy.on("tap", "node", (event) => onTap(event.target.data(), event.target));
  signal?.addEventListener("abort", () => cy.destroy(), { once: true });
  return cy;
}
