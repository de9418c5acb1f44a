// The channels: how each stands, when its token ends, why it is paused; and connecting Zalo by consent.
import { begin, finish } from "../channels/zalo.js";
import { el, fill } from "../dom.js";
import { badge, toneOf } from "../parts/badge.js";
import { confirmed } from "../parts/confirm.js";
import { empty, trouble } from "../parts/notice.js";

const SOON_MS = 7 * 24 * 3_600_000;

export async function page(context) {
  const { t, api, address, signal, may } = context;
  const list = el("div", { class: "column" });
  const told = el("div", { role: "status" });

  async function look() {
    const found = await api.get("/channels", { signal });
    fill(list, found.items.length ? found.items.map((one) => card(context, one, told, look)) : empty(t("channels.none")));
  }

  const came = address.parts[1] === "zalo" && (address.query.has("code") || address.query.has("state"));
  const back = el("div");
  await look();
  if (came) finish(context, back, look);
  return {
    title: t("channels.title"),
    node: el(
      "div",
      { class: "page narrow" },
      el("header", { class: "head" }, el("h1", null, t("channels.title")), el("p", { class: "soft" }, t("channels.about"))),
      back,
      told,
      list,
      may("admin") ? begin(context) : el("p", { class: "soft" }, t("channels.no_scope")),
    ),
  };
}

function card(context, one, told, look) {
  const { t, say, format, may } = context;
  const ends = one.token_ends_at && new Date(one.token_ends_at);
  const isLate = ends && ends - Date.now() < SOON_MS;
  return el(
    "section",
    { class: "card", "data-channel": one.name, "aria-label": one.name },
    el(
      "div",
      { class: "between" },
      el("h2", null, one.name),
      el(
        "span",
        null,
        badge(t(one.sandbox ? "channels.sandbox" : "channels.live"), one.sandbox ? "wait" : "good"),
        " ",
        badge(say("link", one.status), toneOf(one.status)),
      ),
    ),
    el("p", { class: "soft" }, say("channel", one.kind), one.failover !== null && ` · ${t("channels.failover", { place: format.count(one.failover) })}`),
    one.sandbox && el("p", { class: "small" }, t("channels.sandbox.means")),
    one.why && el("p", { class: "small break", "data-kind": one.why.kind }, el("span", { class: "strong" }, t("channels.why")), " ", one.why.text[t.language]),
    one.held_until && el("p", { class: "small" }, t("channels.held", { at: format.moment(one.held_until) })),
    ends && el("p", { class: "small" }, badge(t("channels.ends", { at: format.moment(one.token_ends_at) }), isLate ? "wait" : "plain"), !one.warning && ` ${t("channels.renewed")}`),
    one.warning && one.warning.kind !== one.why?.kind && el("p", { class: "notice wait small break", "data-kind": one.warning.kind }, one.warning.text[t.language]),
    el("p", { class: "soft small break" }, t("channels.webhook"), " ", el("span", { class: "mono" }, one.webhook)),
    may("admin") && tools(context, one, told, look),
  );
}

function tools(context, one, told, look) {
  const { t, api, signal } = context;

  async function doing(step, body, said) {
    fill(told);
    try {
      await api.post(`/channels/${one.channel_id}/${step}`, body, { signal });
      await look();
      fill(told, el("p", { class: "notice good" }, t(said, { name: one.name })));
    } catch (error) {
      if (error.name !== "AbortError") fill(told, trouble(t, error));
    }
  }

  async function pause() {
    const sure = await confirmed(context, t("channels.pause_sure", { name: one.name }), t("channels.pause"), { note: t("channels.pause_why") });
    if (sure) await doing("pause", { reason: sure.note ?? t("channels.by_hand") }, "channels.paused");
  }

  async function resume() {
    if (await confirmed(context, t("channels.resume_sure", { name: one.name }), t("channels.resume"))) await doing("resume", {}, "channels.resumed");
  }

  const isHeld = one.status === "paused" || one.held_until;
  return el(
    "div",
    { class: "tools" },
    isHeld
      ? el("button", { type: "button", class: "main", onclick: resume }, t("channels.resume"))
      : el("button", { type: "button", onclick: pause }, t("channels.pause")),
    one.token_ends_at && el("button", { type: "button", onclick: () => doing("renew", {}, "channels.asked") }, t("channels.renew")),
  );
}
