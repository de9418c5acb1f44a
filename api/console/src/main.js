// Where the console begins: language, theme, who is logged in, and the page that the address means.
import { connect } from "./api.js";
import { el, fill } from "./dom.js";
import { formats } from "./format.js";
import { LANGUAGES, translator, worder } from "./i18n.js";
import { login } from "./pages/login.js";
import { trouble } from "./parts/notice.js";
import { link, read } from "./router.js";
import { isDark, session, wishes } from "./session.js";
import { shell } from "./shell.js";

const PAGES = {
  people: () => import("./pages/people.js"),
  person: () => import("./pages/person.js"),
  campaigns: () => import("./pages/campaigns.js"),
  campaign: () => import("./pages/campaign.js"),
  compose: () => import("./pages/compose.js"),
  templates: () => import("./pages/templates.js"),
  template: () => import("./pages/template.js"),
  segments: () => import("./pages/segments.js"),
  segment: () => import("./pages/segment.js"),
  explorer: () => import("./pages/explorer.js"),
  insight: () => import("./pages/insight.js"),
  operations: () => import("./pages/operations.js"),
  channels: () => import("./pages/channels.js"),
  task: () => import("./pages/task.js"),
};
const OF_ONE = { people: "person", campaigns: "campaign", segments: "segment", templates: "template", tasks: "task" };

function pageOf({ parts }) {
  const [first = "people", second, third] = parts;
  if (first === "campaigns" && (second === "new" || third === "change")) return "compose";
  if (first === "new-segment") return "segment";
  if (second !== undefined && first in OF_ONE) return OF_ONE[first];
  return first in PAGES ? first : "people";
}

function start(root) {
  let language = wishes.language(LANGUAGES);
  let caller = null;
  let leave = new AbortController();
  let drawn = 0;

  const refused = () => {
    session.close();
    caller = null;
    render();
  };

  const actions = {
    setLanguage(chosen) {
      language = chosen;
      wishes.keepLanguage(chosen);
      render();
    },
    turnTheme() {
      const theme = isDark() ? "light" : "dark";
      document.documentElement.dataset.theme = theme;
      wishes.keepTheme(theme);
      render();
    },
    logout: () => {
      session.close();
      caller = null;
      location.hash = "";
      render();
    },
  };

  /** What every page works with. */
  function contextOf(t, api) {
    return {
      t,
      api,
      language,
      caller,
      say: worder(t),
      format: formats(language, caller?.zone ?? "UTC"),
      may: (scope) => caller?.scopes.includes(scope) ?? false,
      signal: leave.signal,
      link,
      places: Object.keys(PAGES),
      go: (...parts) => {
        location.hash = link(...parts);
      },
      again: render,
    };
  }

  async function render() {
    const mine = ++drawn;
    leave.abort();
    leave = new AbortController();
    const t = translator(language);
    document.documentElement.lang = language;
    const key = session.key();
    if (!key) {
      document.title = `${t("login.title")} · LEO`;
      fill(root, login({ t, language, languages: LANGUAGES, ...actions, entered }));
      return;
    }
    const api = connect(key, refused);
    try {
      caller ??= await api.get("/caller");
    } catch (error) {
      if (session.key()) fill(root, el("main", { class: "lonely" }, trouble(t, error, render)));
      return;
    }
    const address = read(location.hash);
    const name = pageOf(address);
    const context = { ...contextOf(t, api), address };
    const frame = shell(context, name, { ...actions, languages: LANGUAGES });
    fill(root, frame.node);
    try {
      const made = await (await PAGES[name]()).page(context);
      if (mine !== drawn) return;
      document.title = `${made.title} · LEO`;
      frame.show(made.node);
    } catch (error) {
      if (mine === drawn && error.name !== "AbortError") frame.show(trouble(t, error, render));
    }
  }

  async function entered(key) {
    caller = await connect(key).get("/caller");
    session.open(key);
    await render();
  }

  const theme = wishes.theme();
  if (theme) document.documentElement.dataset.theme = theme;
  window.addEventListener("hashchange", render);
  render();
}

start(document.getElementById("app"));
