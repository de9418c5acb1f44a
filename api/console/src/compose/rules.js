// The policy a campaign decides under: the tenant's, or rules of its own, each said in plain words.
import { el, fill } from "../dom.js";
import { field, radios } from "../parts/field.js";
import { sentence } from "../parts/said.js";

const SOON_MS = 400;

/** `usual` is the tenant's policy: `{document, text}`. */
export function rules(context, plan, usual) {
  const { t, api, language, signal } = context;
  const said = el("div", { class: "said", "aria-live": "polite", tabindex: "0", role: "region", "aria-label": t("compose.in_words") });
  const text = el("textarea", { class: "mono", rows: "10", spellcheck: "false", value: plan.document, oninput: written });
  const own = field({ id: "policy", label: t("compose.document"), hint: t("compose.document.hint") }, text);
  let waiting = 0;
  let asked = 0;

  function written() {
    plan.document = text.value;
    clearTimeout(waiting);
    waiting = setTimeout(check, SOON_MS);
  }

  async function check() {
    const mine = ++asked;
    let document;
    try {
      document = JSON.parse(text.value);
    } catch {
      own.fault(t("compose.not_json"));
      return;
    }
    try {
      const found = await api.post("/policies/check", { document }, { signal });
      if (mine !== asked || plan.rules !== "own") return;
      own.fault("");
      fill(said, sentences(found.text));
    } catch (error) {
      if (error.name !== "AbortError" && mine === asked) own.fault(sentence(t, error));
    }
  }

  const sentences = (lines) => el("ul", { class: "plain" }, lines.map((one) => el("li", null, one[language])));

  function stand() {
    own.node.hidden = plan.rules !== "own";
    asked += 1;
    if (plan.rules === "default") {
      fill(said, sentences(usual.text));
      return;
    }
    if (!plan.document) {
      plan.document = JSON.stringify(usual.document, null, 2);
      text.value = plan.document;
    }
    check();
  }

  stand();
  return {
    fields: { policy: own },
    node: el(
      "section",
      { class: "card", "aria-labelledby": "rules-heading" },
      el("h2", { id: "rules-heading" }, t("compose.rules")),
      radios(
        { name: "rules", label: t("compose.whose_rules"), value: plan.rules, options: ["default", "own"].map((one) => [one, t(`compose.rules.${one}`)]) },
        (chosen) => {
          plan.rules = chosen;
          stand();
        },
      ),
      own.node,
      el("details", { open: plan.rules === "own" }, el("summary", null, t("compose.in_words")), said),
    ),
  };
}
