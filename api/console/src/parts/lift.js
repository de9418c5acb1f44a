// A campaign against its control group: shares, their difference, and the interval as a line that crosses 0 or does not.
import { el, svg } from "../dom.js";
import { badge } from "./badge.js";

const MEASURES = ["visited", "bought"];
const WIDTH = 320;
const HEIGHT = 44;

export function liftOf({ t, say, format }, found) {
  const hasControl = found.bought.control.people > 0;
  return [
    el("h2", { id: "lift-heading" }, t("lift.title")),
    !hasControl && el("p", { class: "soft" }, t("lift.none")),
    hasControl && whiskers({ t, say, format }, found),
    hasControl &&
      el(
        "div",
        { class: "scroll", tabindex: "0", role: "region", "aria-labelledby": "lift-heading" },
        el(
          "table",
          { class: "lift" },
          el("thead", null, el("tr", null, [t("lift.measure"), t("lift.treated"), t("lift.control"), t("lift.difference"), ""].map((name) => el("th", { scope: "col" }, name || el("span", { class: "unseen" }, t("lift.picture")))))),
          el(
            "tbody",
            null,
            MEASURES.map((measure) => {
              const one = found[measure];
              return el(
                "tr",
                null,
                el("th", { scope: "row" }, say("outcome", measure)),
                [one.treated, one.control].map((group) =>
                  el("td", null, format.share(group.share), el("span", { class: "soft small block" }, t("lift.of", { hits: format.count(group.hits), people: format.count(group.people) }))),
                ),
                el(
                  "td",
                  null,
                  points(format, one.difference),
                  el("span", { class: "soft small block" }, `${points(format, one.low)} … ${points(format, one.high)}`),
                  badge(t(one.is_clear ? "lift.clear" : "lift.unclear"), one.is_clear ? (one.difference > 0 ? "good" : "bad") : "plain"),
                ),
                el("td", null, line(t, format, one)),
              );
            }),
          ),
        ),
      ),
    hasControl && el("p", { class: "soft small" }, t("lift.about")),
  ];
}

const points = (format, value) => `${value > 0 ? "+" : ""}${format.share(value)}`;

function line(t, format, one) {
  const reach = Math.max(0.01, Math.abs(one.low), Math.abs(one.high)) * 1.1;
  const at = (value) => (WIDTH / 2) * (1 + value / reach);
  return svg(
    "svg",
    { class: "interval", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": t("lift.line", { low: points(format, one.low), high: points(format, one.high) }) },
    svg("line", { class: "zero", x1: WIDTH / 2, x2: WIDTH / 2, y1: 4, y2: HEIGHT - 4 }),
    svg("line", { class: one.is_clear ? "reach clear" : "reach", x1: at(one.low), x2: at(one.high), y1: HEIGHT / 2, y2: HEIGHT / 2 }),
    svg("circle", { class: one.is_clear ? "middle clear" : "middle", cx: at(one.difference), cy: HEIGHT / 2, r: 6 }),
  );
}

/** Both groups' shares as points with their intervals, one under the other on one scale; the table says the same. */
function whiskers({ t, say, format }, found) {
  const rows = MEASURES.flatMap((measure) => ["treated", "control"].map((group) => ({ measure, group, ...found[measure][group] })));
  const top = Math.min(1, Math.max(0.02, ...rows.map((row) => row.high)) * 1.05);
  const at = (value) => `${(100 * Math.min(value, top)) / top}%`;
  const told = rows.map((row) =>
    t("lift.share", { measure: say("outcome", row.measure), group: t(`lift.${row.group}`), share: format.share(row.share), low: format.share(row.low), high: format.share(row.high) }),
  );
  return el(
    "figure",
    { class: "whiskers", role: "img", "aria-label": `${t("lift.shares")}. ${told.join("; ")}.` },
    rows.map((row) => {
      const reach = el("span", { class: "whisker" });
      const point = el("span", { class: "whisker-point" });
      reach.style.left = at(row.low);
      reach.style.right = `calc(100% - ${at(row.high)})`;
      point.style.left = at(row.share);
      return el(
        "div",
        { class: `whisker-row ${row.group}` },
        el("span", null, row.group === "treated" && el("span", { class: "strong block" }, say("outcome", row.measure)), el("span", { class: "soft small" }, t(`lift.${row.group}`))),
        el("span", { class: "whisker-room" }, reach, point),
        el("span", { class: "bar-count small" }, format.share(row.share)),
      );
    }),
    el("div", { class: "whisker-row" }, el("span"), el("span", { class: "between soft small" }, el("span", null, format.share(0)), el("span", null, format.share(top / 2)), el("span", null, format.share(top))), el("span")),
  );
}
