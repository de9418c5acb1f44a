// A field that names one person, with people found as one types.
import { el, fill } from "../dom.js";
import { field } from "./field.js";

const SOON_MS = 250;

export function reader({ t, api, signal }, label, hint) {
  const found = el("datalist", { id: "readers" });
  let waiting = 0;
  const input = el("input", {
    list: "readers",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: t("people.placeholder"),
    oninput: () => {
      clearTimeout(waiting);
      waiting = setTimeout(look, SOON_MS);
    },
  });

  async function look() {
    const text = input.value.trim();
    if (!text) return;
    try {
      const people = await api.get("/search/people", { query: { q: text, limit: 8 }, signal });
      fill(found, people.items.map((one) => el("option", { value: one.ext_id }, one.name ?? one.ext_id)));
    } catch (error) {
      if (error.name !== "AbortError") fill(found);
    }
  }

  return field({ id: "reader", label, hint }, input, found);
}
