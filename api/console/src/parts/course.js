// A campaign over time: what was decided, sent and answered, added up or interval by interval.
import { el, fill } from "../dom.js";
import { chart } from "./chart.js";
import { sentence } from "./said.js";

const LINES = [
  ["decided", "--c6"],
  ["sent", "--event"],
  ["delivered", "--delivery"],
  ["opened", "--decision"],
  ["clicked", "--task"],
  ["bought", "--outcome"],
];
// A large campaign takes long to count: looking again may take this share of the time.
const LOOKING_SHARE = 0.05;
const SOON_MS = 2000;

/** Give the section, and `again`, which looks at the course again when the campaign has moved, not all too often. */
export function courseOf(context, path) {
  const { t, api, format, signal } = context;
  const made = chart(context, {
    title: t("course.title"),
    signal,
    write: (value) => format.count(value),
    lines: LINES.map(([name, colour]) => ({ name: t(`stage.${name}`), colour })),
    top: 1,
  });
  const room = el("div", { class: "block" }, el("p", { class: "waiting", role: "status" }, t("loading")));
  const modes = ["total", "each"].map((mode) =>
    el("button", { type: "button", class: "small", "aria-pressed": String(mode === "total"), onclick: () => turn(mode) }, t(`course.${mode}`)),
  );
  let mode = "total";
  let found = null;
  let isWaiting = false;
  let freeAt = 0;

  function turn(wanted) {
    mode = wanted;
    modes.forEach((button, place) => button.setAttribute("aria-pressed", String((place === 0) === (mode === "total"))));
    show();
  }

  function show() {
    if (!found) return;
    if (!found.intervals.length) {
      fill(room, el("p", { class: "soft" }, t("course.none")));
      return;
    }
    const isTotal = mode === "total";
    const at = found.intervals.map((one) => Date.parse(one.at));
    const values = LINES.map(([name]) => {
      let sum = 0;
      const each = found.intervals.map((one) => (isTotal ? (sum += one[name]) : one[name]));
      return isTotal ? [0, ...each] : each;
    });
    // What is added up stands at the end of its interval, and begins with nothing.
    if (isTotal) at.push(at.at(-1) + 1000 * found.seconds);
    const sums = LINES.map(([name]) => `${t(`stage.${name}`)} ${format.count(found.intervals.reduce((sum, one) => sum + one[name], 0))}`);
    const told = t("course.told", { from: format.moment(at[0]), to: format.moment(Date.parse(found.intervals.at(-1).at) + found.seconds * 1000), sums: sums.join(", ") });
    if (!room.contains(made.node)) fill(room, made.node);
    made.show(at, values, told);
  }

  async function look() {
    const began = performance.now();
    try {
      found = await api.get(`${path}/series`, { signal });
      show();
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!found) fill(room, el("p", { class: "soft" }, sentence(t, error)));
    }
    freeAt = performance.now() + Math.max(SOON_MS, (performance.now() - began) / LOOKING_SHARE);
  }

  function again() {
    if (isWaiting || signal.aborted) return;
    isWaiting = true;
    setTimeout(async () => {
      if (!signal.aborted) await look();
      isWaiting = false;
    }, Math.max(0, freeAt - performance.now()));
  }

  look();
  return {
    again,
    node: el(
      "section",
      { class: "card", "aria-labelledby": "course-heading" },
      el("div", { class: "between" }, el("h2", { id: "course-heading" }, t("course.title")), el("div", { class: "tools small", role: "group", "aria-label": t("course.mode") }, modes)),
      room,
    ),
  };
}
