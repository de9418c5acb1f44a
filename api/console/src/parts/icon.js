// Small drawings in the colour of the text around them; what they mean stands beside them in words.
import { svg } from "../dom.js";

const PATHS = {
  people: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4 20c1-4 4.5-5 8-5s7 1 8 5",
  campaigns: "M4 10v4l3 .5V20h3v-5l9 3V6L7 9.500Z",
  segments: "M4 5h16l-6 7.500V19l-4 2v-8.500Z",
  templates: "M4 5h16v11.500H10L5.500 20v-3.500H4ZM8 9h8M8 12.500h5",
  explorer: "M6 8.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5ZM18 13a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5ZM8 20.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5ZM8.200 7.200l7.400 2.600M10 16.500l6-4",
  insight: "M4 20V11M10 20V4M16 20v-7M3 20h18",
  operations: "M4 13h4l2-7 4 13 2-6h4",
  sun: "M12 16.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9ZM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.400 1.400M17.600 17.600 19 19M5 19l1.400-1.400M17.600 6.400 19 5",
  moon: "M20 14.500A8.500 8.500 0 1 1 9.500 4a7 7 0 0 0 10.500 10.500Z",
  leave: "M14 4h5v16h-5M4 12h11M11 8l4 4-4 4",
  event: "M5 5h14v15H5zM5 10h14M9 3v4M15 3v4",
  decision: "M12 3v6M12 9l-6 5v6M12 9l6 5v6",
  delivery: "M3 11l18-7-7 17-2.500-7.500Z",
  outcome: "M4 12.500l5 5L20 6.500",
  task: "M12 3l2.200 5.800L20 11l-5.800 2.200L12 19l-2.200-5.800L4 11l5.800-2.200Z",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM16.200 16.200 21 21",
};

export function icon(name) {
  return svg(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] ?? PATHS.event }),
  );
}
