// Lines over time, drawn by uPlot in the page's colours, with a legend that hides a line and the same figures as a table.
import uPlot from "uplot";
import { el, fill } from "../dom.js";
import { painted } from "./painted.js";

const HEIGHT = 220;
const PHONE_HEIGHT = 180;
const ROWS = 24;

/** Give about `ROWS` of the places, evenly, the last always: a table of a hundred rows is read by nobody. */
function some(places) {
  const every = Math.max(1, Math.ceil(places.length / ROWS));
  return places.filter((place) => (places.length - 1 - place) % every === 0);
}

/**
 * A chart of `lines` ({name, colour}) over time; `write` puts a value into words, `top` is where the scale ends at least.
 * `show(at, values, told)` draws: moments in milliseconds, one list of numbers or nulls a line, and a sentence that says it.
 */
export function chart(context, { title, lines, write, top = 0, signal }) {
  const { t, format } = context;
  const box = el("div", { class: "chart-box", role: "img", "aria-label": title });
  const readout = el("p", { class: "chart-read soft small", "aria-hidden": "true" });
  const table = el("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": title });
  const hidden = new Set();
  let plot = null;
  let data = null;

  const legend = el(
    "div",
    { class: "legend tools", role: "group", "aria-label": t("chart.lines") },
    lines.map((line, place) => {
      const swatch = el("span", { class: `swatch${line.dash ? " dashed" : ""}`, "aria-hidden": "true" });
      swatch.style.color = `var(${line.colour})`;
      return el("button", { type: "button", class: "quiet small", "aria-pressed": "true", onclick: (event) => turn(event.currentTarget, place) }, swatch, line.name);
    }),
  );

  function turn(button, place) {
    const isShown = hidden.delete(place) || !hidden.add(place);
    button.setAttribute("aria-pressed", String(isShown));
    plot?.setSeries(place + 1, { show: isShown });
  }

  function read(at) {
    if (!data || at === null || at === undefined) return fill(readout, t("chart.point"));
    const parts = lines.map((line, place) => (hidden.has(place) || data[place + 1][at] === null ? null : `${line.name} ${write(data[place + 1][at])}`)).filter(Boolean);
    return fill(readout, el("span", { class: "strong" }, format.moment(data[0][at] * 1000)), ` · ${parts.join(" · ")}`);
  }

  const size = () => ({ width: Math.max(200, box.clientWidth), height: box.clientWidth < 480 ? PHONE_HEIGHT : HEIGHT });

  function draw() {
    if (!box.isConnected || !box.clientWidth) {
      if (!signal.aborted) requestAnimationFrame(draw);
      return;
    }
    if (plot) {
      plot.setData(data);
    } else {
      plot = new uPlot(options(), data, box);
      for (const place of hidden) plot.setSeries(place + 1, { show: false });
    }
    box.dataset.drawn = String(data[0].length);
  }

  function options() {
    const soft = painted("--soft");
    const grid = { stroke: painted("--line"), width: 1 };
    const font = "12px system-ui, sans-serif";
    // Of another day than the tick before: its date says more than its hour.
    const words = (splits, step) =>
      splits.map((at, place) => {
        const day = format.date(at * 1000);
        const isNew = place > 0 && day !== format.date(splits[place - 1] * 1000);
        return step >= 86_400 || isNew ? day : format.clock(at * 1000, step < 60);
      });
    return {
      ...size(),
      padding: [10, 28, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      scales: { x: { time: true }, y: { range: (_, low, high) => [0, Math.max(top, high * 1.08, 1e-9)] } },
      axes: [
        { stroke: soft, font, grid: { show: false }, ticks: grid, space: 70, size: 32, values: (_, splits, __, ___, step) => words(splits, step) },
        { stroke: soft, font, grid, ticks: { show: false }, space: 36, size: 52, values: (_, splits) => splits.map((value) => write(value)) },
      ],
      series: [
        {},
        ...lines.map((line) => ({
          label: line.name,
          stroke: painted(line.colour),
          width: 2,
          dash: line.dash ? [6, 4] : undefined,
          fill: line.area ? painted(line.colour).replace(/^rgb\((.*)\)$/, "rgba($1, 0.10)") : undefined,
          paths: line.stepped ? uPlot.paths.stepped({ align: 1 }) : undefined,
          points: { show: (_, place) => data[place].filter((value) => value !== null).length < 2 },
        })),
      ],
      hooks: { setCursor: [(made) => read(made.cursor.idx)] },
    };
  }

  const watched = new ResizeObserver(() => plot?.setSize(size()));
  watched.observe(box);
  signal.addEventListener("abort", () => (watched.disconnect(), plot?.destroy()), { once: true });

  function listed(at, values) {
    const places = some(at.map((_, place) => place));
    fill(
      table,
      el(
        "table",
        { class: "figures" },
        el("thead", null, el("tr", null, el("th", { scope: "col" }, t("chart.when")), lines.map((line) => el("th", { scope: "col" }, line.name)))),
        el("tbody", null, places.map((place) => el("tr", null, el("th", { scope: "row" }, format.moment(at[place])), values.map((line) => el("td", null, line[place] === null ? "" : write(line[place])))))),
      ),
    );
  }

  return {
    show(at, values, told) {
      data = [at.map((one) => one / 1000), ...values];
      box.setAttribute("aria-label", `${title}. ${told}`);
      listed(at, values);
      read(null);
      draw();
    },
    node: el("figure", { class: "chart" }, legend, box, readout, el("details", null, el("summary", null, t("chart.table")), table)),
  };
}
