// A list of values, each a chip that can be taken away: typed and ended with Enter, pasted line by line, or picked.
import { el, fill } from "../dom.js";
import { isText } from "./shapes.js";
import { amountOf, marked, pick, typeOf } from "./controls.js";

// How browsers say that a text came from the list instead of the keyboard.
const PICKED = [undefined, "insertReplacementText"];

/** `set` is told the list whenever it changes; with `isTyped` the type of the next value can be chosen. */
export function chips({ t }, values, { part, label, list, isTyped, set, hint }) {
  let held = [...values];
  let type = held.length && held.every((one) => typeOf(one) === "number") ? "number" : "text";
  const shown = el("ul", { class: "chips" });
  const input = marked(
    el("input", {
      list,
      autocomplete: "off",
      spellcheck: "false",
      placeholder: hint ?? t("segment.chip.add"),
      onkeydown: (event) => {
        // The Enter that ends a composed letter ends no value.
        if (event.isComposing) return;
        if (event.key === "Enter") {
          event.preventDefault();
          take([input.value]);
        } else if (event.key === "Backspace" && !input.value && held.length) put(held.slice(0, -1));
      },
      oninput: (event) => {
        if (PICKED.includes(event.inputType) && isListed()) take([input.value]);
      },
      onchange: () => take([input.value]),
      onpaste: (event) => {
        const lines = event.clipboardData.getData("text").split(/\r?\n/);
        if (lines.length < 2) return;
        event.preventDefault();
        take(lines);
      },
    }),
    part,
    label,
  );

  const isListed = () => [...(document.getElementById(list)?.options ?? [])].some((one) => one.value === input.value);

  function take(lines) {
    const read = lines.map((one) => one.trim()).filter(Boolean).map((one) => (type === "number" ? amountOf(one) : one));
    input.value = "";
    if (read.length) put([...held, ...read]);
  }

  function put(next) {
    held = next;
    draw();
    set(held);
  }

  function drop(place) {
    put(held.filter((_, index) => index !== place));
    (shown.querySelectorAll("button")[Math.min(place, held.length - 1)] ?? input).focus();
  }

  const saidOf = (one) => {
    if (one === null) return t("segment.type.null");
    if (typeof one === "boolean") return t(`segment.flag.${one}`);
    // The text 5 is not the number 5.
    return isText(one) && (one === "" || (isTyped && typeof amountOf(one) !== "string")) ? `“${one}”` : String(one);
  };

  function draw() {
    fill(
      shown,
      held.map((one, place) =>
        el(
          "li",
          null,
          el("span", { class: isText(one) ? null : "mono" }, saidOf(one)),
          el("button", { type: "button", class: "quiet", "aria-label": `${t("compose.remove")}: ${saidOf(one)}`, onclick: () => drop(place) }, "×"),
        ),
      ),
    );
  }

  draw();
  const options = ["text", "number"].map((one) => [one, t(`segment.type.${one}`)]);
  const chooser = isTyped && pick(type, { part: `${part} type`, label: t("segment.type"), options, set: (wanted) => (type = wanted) });
  if (chooser) chooser.className = "rule-type";
  return el("div", { class: "rule-chips" }, shown, el("span", { class: "rule-scalar" }, input, chooser));
}
