// The path of journeys as a picture: event, task, decision, delivery, outcomes, from left to right; and the same in words.
import { el } from "../dom.js";
import { picture } from "./picture.js";

const KINDS = ["event", "task", "decision", "delivery", "outcome"];

/** Make nodes and edges of journeys; a record that several share is one node. */
export function elementsOf(trace, label) {
  const nodes = new Map();
  const edges = new Map();
  for (const journey of trace.journeys) {
    const present = journey.steps.filter((step) => !step.absent);
    const idOf = (step) => `${step.step}:${step.record_id}`;
    for (const step of present) nodes.set(idOf(step), { id: idOf(step), kind: step.step, label: label(step, journey) });
    const last = (kind) => present.filter((step) => step.step === kind).at(-1);
    const decision = last("decision");
    const delivery = last("delivery");
    for (const step of present) {
      const after = { event: decision, task: decision, decision: null, delivery: null }[step.step];
      if (after) add(edges, idOf(step), idOf(after));
      if (step.step === "delivery" && decision) add(edges, idOf(decision), idOf(step));
      if (step.step === "outcome" && (delivery ?? decision)) add(edges, idOf(delivery ?? decision), idOf(step));
    }
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}

function add(edges, source, target) {
  edges.set(`${source}>${target}`, { id: `${source}>${target}`, source, target });
}

export function pathPicture(context, trace) {
  const { t, say } = context;
  const archived = (step, journey) => journey.archived && ["decision", "delivery"].includes(step.step);
  const label = (step, journey) => (archived(step, journey) ? `${named(step)}\n${t("archive.short")}` : named(step));
  const named = (step) => {
    const detail = step.detail ?? {};
    const words = {
      event: step.what,
      task: step.what,
      decision: detail.action === "send" ? say("channel", detail.channel) : say("gate", detail.reason),
      delivery: `${say("channel", detail.channel)}\n${say("delivery", detail.status)}`,
      outcome: say("outcome", step.what),
    };
    return words[step.step] ?? step.step;
  };
  const elements = elementsOf(trace, label);
  const box = el("div", { class: "picture", role: "img", "aria-label": t("path.label", { count: elements.nodes.length }) });
  picture(box, elements, { layout: "dagre", kinds: KINDS, signal: context.signal, onTap: reveal });
  return [
    box,
    el(
      "ul",
      { class: "legend" },
      KINDS.filter((kind) => elements.nodes.some((node) => node.kind === kind)).map((kind) =>
        el("li", null, el("span", { class: `swatch ${kind}`, "aria-hidden": "true" }), t(`kind.${kind}`)),
      ),
    ),
  ];
}

/** Show the entry of the time line that a node stands for. */
function reveal(node) {
  const entry = document.querySelector(`.entry[data-record="${CSS.escape(node.id.split(":")[1])}"]`);
  if (!entry) return;
  entry.scrollIntoView({ behavior: "smooth", block: "center" });
  entry.classList.add("found");
  setTimeout(() => entry.classList.remove("found"), 1600);
}
