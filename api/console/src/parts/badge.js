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

export function badge(text, tone = "plain") {
  return el("span", { class: `badge ${tone}` }, text);
}
