// How the channels kept up over the last hours: what waited, and which share of the calls of their providers failed.
import { el, fill } from "../dom.js";
import { chart } from "./chart.js";
import { sentence } from "./said.js";

const HOURS = [1, 6, 24];
const COLOURS = ["--event", "--decision", "--delivery", "--outcome", "--task", "--c1", "--c4", "--c5"];
const LOOK_MS = 30_000;

export function paceOf(context) {
  const { t, api, format, signal } = context;
  const waited = el("div");
  const failed = el("div");
  const room = el("div", { class: "columns even" }, el("p", { class: "waiting", role: "status" }, t("loading")));
  const buttons = HOURS.map((one) =>
    el("button", { type: "button", class: "small", "aria-pressed": String(one === 6), onclick: () => turn(one) }, t("pace.hours", { hours: one })),
  );
  let hours = 6;
  let charts = null;

  function turn(wanted) {
    hours = wanted;
    buttons.forEach((button, place) => button.setAttribute("aria-pressed", String(HOURS[place] === hours)));
    look();
  }

  function draw(channels) {
    const names = channels.map((one) => one.name).join("\n");
    if (charts?.names !== names) {
      const lines = channels.map((one, place) => ({ name: one.name, colour: COLOURS[place % COLOURS.length], dash: place >= COLOURS.length }));
      charts = {
        names,
        waited: chart(context, { title: t("pace.waiting"), lines: lines.map((line) => ({ ...line, area: true })), write: (value) => format.count(value), top: 4, signal }),
        failed: chart(context, { title: t("pace.failed"), lines, write: (value) => format.share(value), top: 0.1, signal }),
      };
      fill(waited, el("h3", null, t("pace.waiting")), charts.waited.node);
      fill(failed, el("h3", null, t("pace.failed")), charts.failed.node);
      fill(room, waited, failed);
    }
    const at = channels[0].at.map((one) => Date.parse(one));
    const now = channels.map((one) => `${one.name} ${format.count(one.waiting.at(-1))}`).join(", ");
    charts.waited.show(at, channels.map((one) => one.waiting), t("pace.now", { now }));
    const total = (numbers) => numbers.reduce((sum, one) => sum + one, 0);
    const shares = channels.map((one) => `${one.name} ${total(one.tried) ? format.share(total(one.failed) / total(one.tried)) : "–"}`).join(", ");
    charts.failed.show(at, channels.map((one) => one.tried.map((tried, place) => (tried ? one.failed[place] / tried : null))), t("pace.overall", { shares }));
  }

  async function look() {
    try {
      const found = await api.get("/operations/series", { query: { hours }, signal });
      if (found.channels.length) draw(found.channels);
      else fill(room, el("p", { class: "soft" }, t("channels.none")));
    } catch (error) {
      if (error.name !== "AbortError" && !charts) fill(room, el("p", { class: "soft" }, sentence(t, error)));
    }
  }

  async function again() {
    if (signal.aborted) return;
    if (document.visibilityState === "visible") await look();
    setTimeout(again, LOOK_MS);
  }

  again();
  return el(
    "section",
    { class: "card", "aria-labelledby": "pace-heading" },
    el("div", { class: "between" }, el("h2", { id: "pace-heading" }, t("pace.title")), el("div", { class: "tools small", role: "group", "aria-label": t("pace.how_long") }, buttons)),
    room,
  );
}
