// The form of the buttons in one language: add, order, remove; the channel's limits and each fault stand beside their field.
import { el, fill } from "../dom.js";
import { choice, field } from "../parts/field.js";
import { blankButton } from "./draft.js";
import { measured } from "./measured.js";

/** Give `{node, fault(row, part, text), clear}`; `rows` are changed in place, `changed` is told, `tool` stands under a text. */
export function buttons(context, { locale, rows, limits, changed, tool }) {
  const { t, format } = context;
  const list = el("ol", { class: "plain buttons" });
  const told = el("p", { class: "fault", id: `buttons-${locale}-fault`, role: "alert", hidden: true });
  const count = el("p", { class: "soft small", role: "status" });
  const add = el("button", { type: "button", onclick: grow, "aria-describedby": told.id }, t("buttons.add"));
  let fields = [];

  const most = () => (rows.length && rows.every((one) => one.kind === "reply") ? limits.answers : limits.most);

  function stand() {
    fields = rows.map(row);
    fill(list, fields.map((one) => one.node));
    counted();
  }

  function counted() {
    fill(count, t(rows.length ? "buttons.count" : "buttons.none", { count: format.count(rows.length), most: format.count(most()) }));
    // Whoever has as many as they may can still make all of them answers.
    add.disabled = rows.length >= Math.max(limits.most, limits.answers);
  }

  function grow() {
    rows.push(blankButton());
    stand();
    changed();
    fields.at(-1).title.control.focus();
  }

  function move(place, by) {
    const [one] = rows.splice(place, 1);
    if (by !== null) rows.splice(place + by, 0, one);
    stand();
    changed();
    const next = fields[Math.min(place + (by ?? 0), rows.length - 1)];
    (next?.node.querySelector(`[data-by="${by}"]:not(:disabled)`) ?? next?.node.querySelector("[data-by]:not(:disabled)") ?? add).focus();
  }

  function text(box, one, name) {
    const input = el("input", { autocomplete: "off", value: one[name], oninput: () => (one[name] = input.value) });
    return measured(context, box, input, { texts: () => [input.value.trim()], tool: tool(input) });
  }

  function row(one, place) {
    const number = format.count(place + 1);
    const id = (name) => `button-${locale}-${place}-${name}`;
    const value = el("div", { class: "whole-row" });
    const title = text({ id: id("title"), label: t("buttons.title"), most: limits.title }, one, "title");
    let given = null;

    function chosen() {
      given = one.kind === "reply" ? answer() : link();
      fill(value, given.node);
      counted();
    }

    const answer = () => text({ id: id("value"), label: t("buttons.reply"), hint: t("buttons.reply.hint"), most: limits.reply, count: "octets" }, one, "reply");

    function link() {
      const input = el("input", { type: "url", inputmode: "url", autocomplete: "off", spellcheck: "false", placeholder: "https://", value: one.url, oninput: () => (one.url = input.value) });
      return field({ id: id("value"), label: t("buttons.url"), hint: t(limits.https ? "buttons.url.https" : "buttons.url.hint") }, input, el("div", { class: "between under" }, tool(input)));
    }

    const kind = choice([["url", t("buttons.kind.url")], ["reply", t("buttons.kind.reply")]], one.kind, (wanted) => {
      one.kind = wanted;
      chosen();
    });
    const step = (by, mark, label, isOff) =>
      el("button", { type: "button", class: "quiet square", "data-by": String(by), "aria-label": `${label}: ${t("buttons.one", { number })}`, title: label, disabled: isOff, onclick: () => move(place, by) }, mark);
    chosen();
    return {
      title,
      value: () => given,
      node: el(
        "li",
        null,
        el(
          "fieldset",
          { class: "button-form", "data-button": place },
          el("legend", { class: "unseen" }, t("buttons.one", { number })),
          el(
            "div",
            { class: "between" },
            el("span", { class: "strong", "aria-hidden": "true" }, t("buttons.one", { number })),
            el(
              "span",
              { class: "tools" },
              step(-1, "↑", t("compose.up"), place === 0),
              step(1, "↓", t("compose.down"), place === rows.length - 1),
              step(null, "×", t("compose.remove"), false),
            ),
          ),
          el(
            "div",
            { class: "field-grid" },
            title.node,
            // A channel whose buttons only lead somewhere is asked nothing, unless what is there says otherwise.
            (limits.reply > 0 || one.kind === "reply") && field({ id: id("kind"), label: t("buttons.kind") }, kind).node,
            value,
          ),
        ),
      ),
    };
  }

  stand();
  return {
    /** Say what is wrong with a field, or with all of them where `place` is null; gives what to go to. */
    fault(place, part, said) {
      if (place === null || !fields[place]) {
        told.hidden = !said;
        fill(told, said);
        return add;
      }
      const one = part === "title" ? fields[place].title : fields[place].value();
      one.fault(said);
      return one.control;
    },
    clear() {
      told.hidden = true;
      for (const one of fields) for (const each of [one.title, one.value()]) each.fault("");
    },
    node: el(
      "div",
      { class: "column tight", role: "group", "aria-labelledby": `buttons-${locale}-heading` },
      el("h3", { id: `buttons-${locale}-heading` }, t("message.buttons")),
      el("p", { class: "soft small" }, limitsSaid(context, limits)),
      list,
      told,
      el("div", { class: "between" }, add, count),
    ),
  };
}

function limitsSaid({ t, format }, limits) {
  return [
    t(limits.answers > limits.most ? "buttons.limits.answers" : "buttons.limits", { most: format.count(limits.most), answers: format.count(limits.answers), title: format.count(limits.title) }),
    limits.text > 0 && t("buttons.limits.text", { count: format.count(limits.text) }),
    limits.reply === 0 && t("buttons.limits.links"),
  ]
    .filter(Boolean)
    .join(" ");
}
