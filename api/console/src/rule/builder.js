// The rule as a form: groups in groups, each condition a row; what has no form is shown as it is.
import { el, fill } from "../dom.js";
import { row } from "./row.js";
import { isObject } from "./shapes.js";
import { tools } from "./tools.js";
import { GROUPS, canMove, copy, documentOf, findPlace, move, partOf, remove, walk } from "./tree.js";

/** The condition that a row begins as. */
export const NEW = { attribute: "", is: "" };

/** Give a form that shows a rule, gives its document, and says what is wrong with it; `changed` is told whenever the rule is another. */
export function builder(context, known, changed) {
  const { t } = context;
  const room = el("div", { class: "rule", onkeydown: keep });
  const rows = new Map();
  let root = partOf({ all: [] });
  let parents = new Map();

  /** Enter ends a value, it does not save the form. */
  function keep(event) {
    if (event.key === "Enter" && event.target.tagName === "INPUT") event.preventDefault();
  }

  function draw() {
    rows.clear();
    parents = new Map([...walk(root)].map(({ part, parent }) => [part, parent]));
    fill(room, lists(known), root.parts ? group(root) : lonely());
  }

  /** Draw a part again, all of it or one row, and stay where one was, or go to `wanted` of it. */
  function redraw(part, wanted, drawn = draw) {
    const focused = room.contains(document.activeElement) ? document.activeElement.dataset.part : null;
    drawn();
    const place = room.querySelector(`[data-node="${part.id}"]`);
    const found = [wanted, focused].filter(Boolean).map((one) => place?.querySelector(`[data-part="${CSS.escape(one)}"]:not(:disabled)`));
    (found.find(Boolean) ?? place?.querySelector("select, input, textarea, button:not(:disabled)"))?.focus();
    changed();
  }

  /** Make a row of a condition, in place of the one it had. */
  function lineOf(part) {
    const made = row(context, part, settings);
    rows.get(part)?.node.replaceWith(made.node);
    rows.set(part, made);
    return made.node;
  }

  const settings = {
    known,
    changed,
    redraw: (part, wanted) => redraw(part, wanted, () => lineOf(part)),
    move: moved,
    remove: removed,
    copy: (part) => redraw(copy(root, part)),
    canCopy: (part) => part !== root,
    canMove: (part, by) => canMove(root, part, by, parents.get(part)),
  };

  function moved(part, by) {
    move(root, part, by);
    redraw(part, canMove(root, part, by) ? `move ${by}` : `move ${-by}`);
  }

  function removed(part) {
    let next = root;
    if (part === root) root = next = partOf({ all: [] });
    else next = remove(root, part);
    redraw(next, next.parts ? "add" : "kind");
  }

  function add(parent, made) {
    const part = partOf(made);
    for (const { part: one } of walk(part)) one.isFresh = true;
    parent.parts.push(part);
    redraw(part, part.parts ? "way" : "kind");
  }

  /** A rule of one condition stays that, until another one is added. */
  function lonely() {
    return el(
      "div",
      { class: "rule-group", role: "group", "aria-label": t("segment.view.builder") },
      el("ol", { class: "rule-parts" }, el("li", null, lineOf(root))),
      adders((made) => {
        root = { ...partOf({ all: [] }), parts: [root] };
        add(root, made);
      }),
    );
  }

  function adders(added) {
    return el(
      "div",
      { class: "tools" },
      el("button", { type: "button", "data-part": "add", onclick: () => added(NEW) }, `+ ${t("segment.add.condition")}`),
      el("button", { type: "button", class: "quiet", "data-part": "add group", onclick: () => added({ any: [NEW] }) }, `+ ${t("segment.add.group")}`),
    );
  }

  function group(part) {
    const told = el("p", { class: "fault", hidden: true });
    const way = el(
      "select",
      {
        "data-part": "way",
        "aria-label": t("segment.group"),
        onchange: () => {
          part.way = way.value;
          redraw(part, "way");
        },
      },
      GROUPS.map((one) => el("option", { value: one, selected: one === part.way }, t(`segment.group.${one}`))),
    );
    const join = t(part.way === "all" || part.way === "not_all" ? "segment.and" : "segment.or");
    rows.set(part, {
      fault(_, text) {
        told.hidden = !text;
        fill(told, text);
        return way;
      },
    });
    return el(
      "div",
      { class: "rule-group", role: "group", "aria-label": t(`segment.group.${part.way}`), "data-node": part.id, "data-way": part.way },
      el("div", { class: "rule-head" }, way, part !== root && tools(context, part, settings, t("segment.group"))),
      part.parts.length
        ? el(
            "ol",
            { class: "rule-parts" },
            part.parts.map((one, place) => el("li", null, place > 0 && el("span", { class: "rule-join", "aria-hidden": "true" }, join), one.parts ? group(one) : lineOf(one))),
          )
        : el("p", { class: "soft small" }, t(`segment.empty.${part.way}`)),
      told,
      adders((made) => add(part, made)),
    );
  }

  return {
    node: room,
    show(rule) {
      root = partOf(rule);
      draw();
    },
    /** Show a rule that nobody has filled in yet. */
    begin(rule) {
      root = partOf(rule);
      for (const { part } of walk(root)) part.isFresh = true;
      draw();
    },
    document: () => documentOf(root),
    /** Say what is wrong at a place of the rule; gives the field to go to. */
    fault(place, text) {
      const found = findPlace(root, place) ?? { part: root, rest: "" };
      return rows.get(found.part).fault(found.rest, text);
    },
    clear() {
      for (const one of rows.values()) one.fault("", "");
    },
    /** Give the place of the first condition that is meant, null where none is. */
    placeOf: (isMeant) => [...walk(root)].find(({ part }) => isObject(part.document) && isMeant(part.document))?.place ?? null,
    /** Whether a place lies in a row that somebody has only begun. */
    isBegun: (place) => Boolean(findPlace(root, place)?.part.isFresh),
    /** What was begun is looked at like all else: somebody wants it saved. */
    settle() {
      for (const { part } of walk(root)) part.isFresh = false;
    },
  };
}

function lists(known) {
  const list = (id, values) => el("datalist", { id }, values.map((one) => el("option", { value: one })));
  return [
    list("rule-attributes", known.attributes),
    list("rule-events", known.events),
    list("rule-purposes", known.purposes),
  ];
}
