// A message as its person saw it: HTML in a frame without scripts, network or origin, everything else as text.
import { el } from "../dom.js";
import { archivedOn } from "./badge.js";

const FRAME = "/console/message.html";

export function message(context, told) {
  const { t, say } = context;
  return el(
    "figure",
    { class: "message" },
    el(
      "figcaption",
      { class: "soft small" },
      `${say("channel", told.channel)} · ${told.template}`,
      // What is being written has no version yet.
      told.template_version && ` v${told.template_version}`,
      told.has_changed && el("span", null, " · ", t("message.changed")),
      told.archived_at && [" ", archivedOn(context, told.archived_at)],
    ),
    told.subject && el("p", { class: "strong subject" }, told.subject),
    told.html ? framed(t, told.html) : el("div", { class: "bubble" }, told.text ?? ""),
    told.html &&
      told.text &&
      el("details", null, el("summary", null, t("message.text")), el("div", { class: "bubble" }, told.text)),
    pressed(t, told.buttons ?? told.data?.buttons),
  );
}

// What a press does stands beside the title: a look at a message must not count as its person's click.
function pressed(t, buttons) {
  if (!Array.isArray(buttons) || !buttons.length) return null;
  const row = (one) => el("li", null, el("span", { class: "pressed" }, one.title), " ", el("span", { class: "soft small" }, one.url ?? t("message.answers", { reply: one.reply })));
  return el("ul", { class: "plain", "aria-label": t("message.buttons") }, buttons.map(row));
}

function framed(t, html) {
  const frame = el("iframe", { class: "mail", sandbox: "allow-scripts", src: FRAME, title: t("message.title") });
  frame.html = html;
  frame.addEventListener("load", () => hand(frame));
  return frame;
}

// The frame has no origin of its own to name; what it gets is the message alone.
function hand(frame) {
  frame.contentWindow.postMessage({ html: frame.html }, "*");
}

/** Show `fresh` in the figure that is there, whose frame stays so that nothing flickers; false where either has no frame. */
export function renewed(figure, fresh, html) {
  const [kept, other] = [figure?.querySelector("iframe"), fresh.querySelector("iframe")];
  if (!kept || !other) return false;
  const children = [...fresh.childNodes];
  const place = children.indexOf(other);
  for (const one of [...figure.childNodes]) if (one !== kept) one.remove();
  kept.before(...children.slice(0, place));
  kept.after(...children.slice(place + 1));
  kept.html = html;
  hand(kept);
  return true;
}
