// What stands around every page: where one can go, who is logged in, language and theme.
import { el, fill } from "./dom.js";
import { icon } from "./parts/icon.js";
import { isDark } from "./session.js";

const PLACES = ["people", "segments", "templates", "campaigns", "explorer", "insight", "operations"];
const OF = { person: "people", campaign: "campaigns", compose: "campaigns", segment: "segments", template: "templates", task: "operations", channels: "operations" };

export function toggles({ t, language, languages, setLanguage, turnTheme }) {
  const other = languages.find((one) => one !== language);
  return [
    el("button", { class: "quiet", type: "button", lang: other, onclick: () => setLanguage(other) }, t("language.other")),
    el(
      "button",
      { class: "quiet square", type: "button", "aria-label": t("theme.turn"), title: t("theme.turn"), onclick: turnTheme },
      icon(isDark() ? "sun" : "moon"),
    ),
  ];
}

/** Give the frame and a function that shows a page in it. */
export function shell(context, name, actions) {
  const address = location.hash;
  const { t, caller, link } = context;
  const places = PLACES.filter((place) => context.places.includes(place));
  const here = OF[name] ?? name;
  // Busy until its page stands in it; then it says whose address that is.
  const main = el("main", { id: "main", tabindex: "-1", "aria-busy": "true" }, el("p", { class: "waiting", role: "status" }, t("loading")));
  const node = el(
    "div",
    { class: "shell" },
    el(
      "button",
      { class: "skip", type: "button", onclick: () => main.focus() },
      t("skip"),
    ),
    el(
      "header",
      { class: "top" },
      el("a", { class: "brand", href: link("people") }, el("span", { class: "mark", "aria-hidden": "true" }), "LEO"),
      el(
        "nav",
        { "aria-label": t("nav.label") },
        places.map((place) =>
          el("a", { href: link(place), "aria-current": place === here ? "page" : null }, icon(place), t(`nav.${place}`)),
        ),
      ),
      el(
        "div",
        { class: "who" },
        el("span", { class: "tenant", title: caller.slug }, caller.name, el("small", null, t(`role.${caller.role}`))),
        toggles({ ...context, ...actions }),
        el(
          "button",
          { class: "quiet square", type: "button", "aria-label": t("logout"), title: t("logout"), onclick: actions.logout },
          icon("leave"),
        ),
      ),
    ),
    main,
  );
  return {
    node,
    show(page) {
      fill(main, page);
      main.removeAttribute("aria-busy");
      main.dataset.address = address;
      // On a phone the places are a row that is wider than the screen.
      node.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
      const heading = main.querySelector("h1");
      heading?.setAttribute("tabindex", "-1");
      heading?.focus({ preventScroll: true });
    },
  };
}
