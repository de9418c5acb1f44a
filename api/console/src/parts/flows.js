// Journeys as flows: stops in columns from the start to bought or left, ribbons as wide as the journeys that took them.
import { el, svg } from "../dom.js";

const WIDTH = 960;
const HEIGHT = 430;
const BAR = 14;
const GAP = 16;
const TOP = 14;
const MOST_STOPS = 12;
const MOST_COLUMNS = 5;
const LONGEST = 20;
const COLOURS = ["--event", "--decision", "--delivery", "--task", "--c1", "--c2", "--c5", "--outcome"];

const keyOf = (stop) => (stop.kind === "touchpoint" ? `t ${stop.name}` : stop.kind);
const short = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);

/** Give the stops that most journeys pass, with the flows between them. */
function chosen(flows) {
  const passed = new Map();
  for (const flow of flows) if (flow.target.kind === "touchpoint") passed.set(keyOf(flow.target), (passed.get(keyOf(flow.target)) ?? 0) + flow.journeys);
  const most = new Set([...passed].sort((a, b) => b[1] - a[1]).slice(0, MOST_STOPS).map(([key]) => key));
  const isIn = (stop) => stop.kind !== "touchpoint" || most.has(keyOf(stop));
  return flows.filter((flow) => isIn(flow.origin) && isIn(flow.target) && keyOf(flow.origin) !== keyOf(flow.target));
}

/**
 * Each stop behind all that most come from: the longest way from the start along flows that lead in no circle, the widest first.
 * What only a few take (a twentieth of who comes to a stop) moves nothing.
 */
function columnsOf(flows) {
  const behind = new Map();
  const before = (key) => behind.get(key) ?? behind.set(key, new Set()).get(key);
  const leads = (from, to, seen = new Set()) => from === to || (!seen.has(from) && seen.add(from) && [...before(from)].some((next) => leads(next, to, seen)));
  const comes = new Map();
  for (const flow of flows) comes.set(keyOf(flow.target), (comes.get(keyOf(flow.target)) ?? 0) + flow.journeys);
  const kept = [];
  for (const flow of flows.toSorted((a, b) => b.journeys - a.journeys)) {
    const [from, to] = [keyOf(flow.origin), keyOf(flow.target)];
    if (flow.target.kind !== "touchpoint" || flow.journeys < comes.get(to) / 20 || leads(to, from)) continue;
    before(from).add(to);
    kept.push([from, to]);
  }
  const columns = new Map([["start", 0]]);
  for (let round = 0; round < MOST_STOPS; round += 1) {
    for (const [from, to] of kept) columns.set(to, Math.min(MOST_COLUMNS, Math.max(columns.get(to) ?? 1, (columns.get(from) ?? 1) + 1)));
  }
  const last = Math.max(...columns.values()) + 1;
  columns.set("bought", last).set("left", last);
  return columns;
}

export function flowsOf(context, found) {
  const { t, format } = context;
  const name = (stop) => (stop.kind === "touchpoint" ? stop.name : t(`flows.${stop.kind}`));
  const flows = chosen(found);
  const columns = columnsOf(flows);
  const stops = new Map();
  const stopOf = (stop) => {
    const key = keyOf(stop);
    if (!stops.has(key)) stops.set(key, { key, kind: stop.kind, name: name(stop), column: columns.get(key) ?? 1, in: 0, out: 0 });
    return stops.get(key);
  };
  for (const flow of flows) {
    stopOf(flow.origin).out += flow.journeys;
    stopOf(flow.target).in += flow.journeys;
  }
  const last = columns.get("bought");
  const rows = Array.from({ length: last + 1 }, (_, column) => [...stops.values()].filter((stop) => stop.column === column).sort((a, b) => (a.kind === "left") - (b.kind === "left") || Math.max(b.in, b.out) - Math.max(a.in, a.out)));
  const weight = (stop) => Math.max(stop.in, stop.out);
  const scale = Math.min(...rows.filter((row) => row.length).map((row) => (HEIGHT - 2 * TOP - GAP * (row.length - 1)) / row.reduce((sum, stop) => sum + weight(stop), 0)));
  const touchpoints = [...stops.values()].filter((stop) => stop.kind === "touchpoint");
  touchpoints.forEach((stop, place) => (stop.colour = COLOURS[place % COLOURS.length]));
  for (const stop of stops.values()) stop.colour ??= { start: "--c6", bought: "--good", left: "--line-strong" }[stop.kind];
  rows.forEach((row, column) => {
    const tall = row.reduce((sum, stop) => sum + weight(stop) * scale, 0) + GAP * (row.length - 1);
    let y = (HEIGHT - tall) / 2;
    for (const stop of row) {
      Object.assign(stop, { x: 8 + (column * (WIDTH - 150)) / last, y, tall: Math.max(2, weight(stop) * scale), from: y, to: y });
      y += stop.tall + GAP;
    }
  });
  const ribbons = flows
    .map((flow) => ({ origin: stopOf(flow.origin), target: stopOf(flow.target), journeys: flow.journeys }))
    .sort((a, b) => a.origin.y - b.origin.y || a.target.y - b.target.y);
  // Each ribbon begins where the one before ended, on both of its stops.
  for (const one of ribbons) {
    one.wide = one.journeys * scale;
    one.y1 = one.origin.from + one.wide / 2;
    one.origin.from += one.wide;
  }
  for (const one of ribbons.toSorted((a, b) => a.target.y - b.target.y || a.origin.y - b.origin.y)) {
    one.y2 = one.target.to + one.wide / 2;
    one.target.to += one.wide;
  }
  const said = (one) => t("flows.one", { origin: one.origin.name, target: one.target.name, journeys: format.count(one.journeys) });
  return svg(
    "svg",
    { class: "flows", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${t("flows.title")}. ${found.slice(0, 5).map((flow) => said({ origin: { name: name(flow.origin) }, target: { name: name(flow.target) }, journeys: flow.journeys })).join("; ")}.` },
    ribbons.map((one) => {
      const [x1, x2] = [one.origin.x + BAR, one.target.x];
      const bend = Math.max(40, Math.abs(x2 - x1) / 2);
      const path = svg("path", { class: "ribbon", d: `M${x1},${one.y1} C${x1 + bend},${one.y1} ${x2 - bend},${one.y2} ${x2},${one.y2}`, "stroke-width": Math.max(1, one.wide) }, svg("title", null, said(one)));
      path.style.stroke = `var(${one.target.kind === "touchpoint" ? one.origin.colour : one.target.colour})`;
      return path;
    }),
    [...stops.values()].map((stop) => {
      const bar = svg("rect", { x: stop.x, y: stop.y, width: BAR, height: stop.tall, rx: 3 });
      bar.style.fill = `var(${stop.colour})`;
      return [
        bar,
        svg("text", { x: stop.x + BAR + 6, y: stop.y + stop.tall / 2, class: "flow-name" }, short(stop.name), svg("tspan", { class: "flow-count", x: stop.x + BAR + 6, dy: "1.25em" }, format.count(weight(stop)))),
      ];
    }),
  );
}

export function flowTable({ t, format }, found) {
  const name = (stop) => (stop.kind === "touchpoint" ? stop.name : t(`flows.${stop.kind}`));
  return el(
    "table",
    { class: "figures" },
    el("thead", null, el("tr", null, [t("flows.from"), t("flows.to"), t("flows.journeys")].map((word) => el("th", { scope: "col" }, word)))),
    el("tbody", null, found.map((flow) => el("tr", null, el("th", { scope: "row" }, name(flow.origin)), el("td", null, name(flow.target)), el("td", null, format.count(flow.journeys))))),
  );
}
