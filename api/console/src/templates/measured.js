// A field of a template that says how much of what the channel takes is used, with a way to put in what is personal.
import { el, fill } from "../dom.js";
import { field } from "../parts/field.js";
import { lengthOf } from "./draft.js";

/**
 * Give a field: `most` of `count` (characters or octets), null where there is no limit; `texts` are what is counted together.
 * `measured(one)` says how long it became for the person of the preview, which counts where the text alone does not tell.
 */
export function measured({ t, format }, { id, label, hint, most = null, count = "characters" }, control, { texts = () => [control.value], tool = null } = {}) {
  const isOctets = count === "octets";
  const used = el("span", { class: "soft small used" });
  let seen = null;

  function say(length, key) {
    const isOver = length !== null && length > most;
    used.className = isOver ? "bad-text small used" : "soft small used";
    fill(used, t(key, { count: format.count(length ?? 0), most: format.count(most) }));
  }

  function counted() {
    if (most === null) return;
    const lengths = texts().map((text) => lengthOf(text, isOctets));
    if (lengths.includes(null)) {
      if (seen === null) say(null, "buttons.later");
      else say(seen, isOctets ? "template.measured.octets" : "template.measured.letters");
      return;
    }
    say(lengths.reduce((sum, one) => sum + one, 0), isOctets ? "buttons.octets" : "buttons.letters");
  }

  control.addEventListener("input", counted);
  counted();
  const under = most !== null || tool ? el("div", { class: "between under" }, used, tool) : null;
  return {
    ...field({ id, label, hint }, control, under),
    counted,
    measured(one) {
      seen = one?.used ?? null;
      counted();
    },
  };
}
