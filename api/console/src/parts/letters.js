// Messages that did not arrive as far as anybody knows: told apart by state, sent again, or settled by hand.
import { el, fill } from "../dom.js";
import { badge } from "./badge.js";
import { confirmed } from "./confirm.js";
import { trouble } from "./notice.js";

const STATES = ["uncertain", "dead", "failed"];
// What a message may be settled as by hand, by its state.
const SETTLED_AS = { uncertain: ["arrived", "lost"], dead: ["closed"], failed: ["closed"] };

export async function deadLetters(context, section) {
  const { t, say, api, may, link, format, signal } = context;
  let status = STATES[0];
  let counts = {};
  const told = el("div", { role: "status" });
  const list = el("div", { "aria-live": "polite" });

  async function count() {
    const found = await api.get("/dead-letters/counts", { signal });
    counts = Object.fromEntries(STATES.map((one) => [one, 0]));
    for (const one of found.items) counts[one.status] += one.messages;
  }

  async function load(after, into) {
    try {
      const found = await api.get("/dead-letters", { query: { status, after, limit: 20 }, signal });
      into.append(...found.items.map(letter));
      if (!into.children.length) fill(list, el("p", { class: "soft" }, t("letters.none")));
      else fill(list, into, found.next && el("button", { type: "button", onclick: () => load(found.next, into) }, t("letters.more")));
    } catch (error) {
      if (error.name !== "AbortError") fill(list, trouble(t, error));
    }
  }

  async function settle(one, question, verb, path, body, options) {
    const sure = await confirmed(context, question, verb, options);
    if (!sure) return;
    try {
      const note = sure.note ? { note: sure.note } : {};
      const done = await api.post(path, { delivery_ids: [one.delivery_id], ...body, ...note }, { signal });
      const refused = done.items[0]?.refused;
      fill(told, el("p", { class: refused ? "notice wait" : "notice" }, refused ? t("letters.refused", { why: say("refused", refused) }) : t("letters.done")));
      await draw();
    } catch (error) {
      fill(told, trouble(t, error));
    }
  }

  function again(one) {
    const may_double = one.status === "uncertain";
    return settle(one, t(may_double ? "letters.again.double" : "letters.again.sure"), t("letters.again"), "/dead-letters/redrive", { may_double });
  }

  const resolve = (one, resolution) =>
    settle(one, t(`letters.${resolution}.sure`), t(`letters.${resolution}`), "/dead-letters/resolve", { resolution }, { note: true });

  function letter(one) {
    return el(
      "li",
      { "data-delivery": one.delivery_id },
      el("div", { class: "between" }, el("a", { href: link("people", one.ext_id) }, one.ext_id), el("span", { class: "soft small" }, format.moment(one.ended_at))),
      el("p", { class: "soft small" }, `${say("channel", one.channel)} · ${one.address} · ${one.campaign}`),
      el("p", { class: "small" }, [one.klass && say("class", one.klass), one.code].filter(Boolean).map((word) => [badge(word), " "]), one.detail && el("span", { class: "soft" }, one.detail)),
      may("activate") &&
        el(
          "div",
          { class: "tools" },
          el("button", { type: "button", onclick: () => again(one) }, t("letters.again")),
          SETTLED_AS[one.status].map((way) => el("button", { type: "button", class: "quiet", onclick: () => resolve(one, way) }, t(`letters.${way}`))),
        ),
    );
  }

  async function draw() {
    await count();
    fill(
      section,
      el("h2", { id: "letters-heading" }, t("letters.title")),
      el(
        "div",
        { class: "tools", role: "group", "aria-labelledby": "letters-heading" },
        STATES.map((one) =>
          el(
            "button",
            {
              type: "button",
              "aria-pressed": String(one === status),
              onclick: () => {
                status = one;
                draw();
              },
            },
            `${say("delivery", one)} ${format.count(counts[one])}`,
          ),
        ),
      ),
      told,
      list,
    );
    await load(null, el("ul", { class: "plain allowed" }));
  }

  await draw();
}
