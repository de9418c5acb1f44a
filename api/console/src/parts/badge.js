// A word with a colour that says how it stands: good, bad, wait, plain.
import { el } from "../dom.js";

const TONES = {
  good: ["sent", "delivered", "read", "clicked", "replied", "visited", "bought", "active", "succeeded", "connected", "approved", "finished", "send", "ok"],
  bad: ["failed", "dead", "bounced", "complained", "unsubscribed", "disconnected", "cancelled", "rejected", "lost"],
  wait: ["queued", "sending", "wait", "paused", "uncertain", "expired", "awaiting_approval", "pending", "running", "thinking", "acting"],
};

export function toneOf(value) {
  return Object.keys(TONES).find((tone) => TONES[tone].includes(value)) ?? "plain";
}

/** Say since when a record is in the archive; nothing where it is live. */
export function archivedOn({ t, format }, at) {
  return at && el("span", { class: "badge plain", title: t("archive.means") }, t("archive.on", { at: format.day_of(at) }));
}

export function badge(text, tone = "plain") {
  return el("span", { class: `badge ${tone}` }, text);
}
