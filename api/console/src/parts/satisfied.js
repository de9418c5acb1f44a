// A segment's rule: what it asks in words, how many people satisfy it at this moment, and some of them.
import { el, fill } from "../dom.js";
import { trouble } from "./notice.js";

const turns = new WeakMap();

/** Ask and show it at `place`, where the newest question wins; gives what was found, null where it was refused or is old. */
export async function satisfied({ t, api, format, language, signal }, place, { rule, words }, refused = null) {
  const turn = {};
  turns.set(place, turn);
  fill(place, words && el("p", null, words), el("p", { class: "waiting" }, t("compose.counting")));
  try {
    const found = await api.post("/segments/preview", { rule, sample: 5 }, { signal });
    if (turns.get(place) !== turn) return null;
    const names = found.sample.map((one) => one.name ?? one.ext_id).join(", ");
    fill(
      place,
      el("p", null, found.text[language]),
      el("p", { class: "strong", "data-count": found.count }, t("compose.people", { count: format.count(found.count) })),
      names && el("p", { class: "soft small break" }, t("compose.some", { names })),
    );
    return found;
  } catch (error) {
    if (error.name === "AbortError" || turns.get(place) !== turn) return null;
    fill(place, words && el("p", null, words), refused ? null : trouble(t, error));
    refused?.(error);
    return null;
  }
}
