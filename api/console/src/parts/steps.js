// The funnel of gates as a table: how many came to each, how many it stopped.
import { el } from "../dom.js";

export function steps({ t, say, format }, funnel) {
  return el(
    "table",
    { class: "figures" },
    el("thead", null, el("tr", null, el("th", { scope: "col" }, t("funnel.gate")), el("th", { scope: "col" }, t("funnel.stopped")), el("th", { scope: "col" }, t("funnel.left")))),
    el(
      "tbody",
      null,
      funnel
        .filter((stage) => stage.stopped > 0)
        .map((stage) =>
          el("tr", null, el("th", { scope: "row" }, say("gate", stage.gate)), el("td", null, format.count(stage.stopped)), el("td", null, format.count(stage.left))),
        ),
      funnel.every((stage) => !stage.stopped) && el("tr", null, el("td", { colspan: "3", class: "soft" }, t("funnel.nothing"))),
    ),
  );
}
