// Connecting a Zalo Official Account: begun in this tab, agreed to at Zalo, finished in this tab again.
import { el, fill } from "../dom.js";
import { choice, field } from "../parts/field.js";
import { trouble } from "../parts/notice.js";
import { saidOf } from "../parts/said.js";
import { pending } from "../session.js";

const KINDS = ["zalo_oa", "zalo_template"];

/** The form that begins a consent, and then what Zalo has to know with the way there. */
export function begin(context) {
  const { t, say, api, signal } = context;
  const given = { kind: "zalo_oa" };
  const text = (name, more) => el("input", { name, maxlength: "100", autocomplete: "off", spellcheck: "false", ...more });
  const fields = {
    kind: field({ id: "kind", label: t("zalo.kind") }, choice(KINDS.map((one) => [one, say("channel", one)]), given.kind, (chosen) => (given.kind = chosen))),
    name: field({ id: "channel-name", label: t("zalo.name"), hint: t("zalo.name.hint") }, text("name", { value: "zalo", maxlength: "200" })),
    app_id: field({ id: "app_id", label: t("zalo.app_id"), hint: t("zalo.app_id.hint") }, text("app_id", { class: "mono", inputmode: "numeric" })),
    app_secret: field({ id: "app_secret", label: t("zalo.app_secret"), hint: t("zalo.app_secret.hint") }, text("app_secret", { class: "mono", type: "password", autocomplete: "new-password", maxlength: "500" })),
  };
  const told = el("div");
  const next = el("div", { "aria-live": "polite" });
  const go = el("button", { type: "submit", class: "main" }, t("zalo.begin"));

  function blame(errors) {
    const of = (name) => errors.filter((one) => one.field === `body.${name}`).map((one) => saidOf(t, one)).join(" ");
    for (const [name, each] of Object.entries(fields)) each.fault(of(name));
    Object.values(fields).find((each) => each.control.hasAttribute("aria-invalid"))?.control.focus();
    return errors.every((one) => Object.keys(fields).some((name) => one.field === `body.${name}`));
  }

  async function submit(event) {
    event.preventDefault();
    fill(told);
    fill(next);
    const values = Object.fromEntries(["name", "app_id", "app_secret"].map((name) => [name, fields[name].control.value.trim()]));
    for (const name of Object.keys(values)) fields[name].fault(values[name] ? "" : t("compose.needed"));
    const missing = Object.keys(values).find((name) => !values[name]);
    if (missing) {
      fields[missing].control.focus();
      return;
    }
    go.disabled = true;
    try {
      const begun = await api.post("/channels/zalo/consents", { kind: given.kind, ...values }, { signal });
      fields.app_secret.control.value = "";
      pending.begin(begun.state);
      fill(next, onward(context, begun));
      next.querySelector("a").focus();
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!error.errors?.length || !blame(error.errors)) fill(told, trouble(t, error));
    }
    go.disabled = false;
  }

  return el(
    "section",
    { class: "card", "aria-labelledby": "zalo-heading" },
    el("h2", { id: "zalo-heading" }, t("zalo.title")),
    el("p", { class: "soft" }, t("zalo.about")),
    el(
      "form",
      { class: "column", novalidate: true, onsubmit: submit },
      el("div", { class: "field-grid" }, fields.kind.node, fields.name.node, fields.app_id.node, fields.app_secret.node),
      told,
      el("div", { class: "tools" }, go),
    ),
    next,
  );
}

function onward({ t, format }, begun) {
  return el(
    "div",
    { class: "notice wait", id: "zalo-next" },
    el("p", { class: "strong" }, t("zalo.next")),
    el(
      "dl",
      { class: "pairs" },
      el("dt", null, t("zalo.redirect_uri")),
      el("dd", { class: "mono break" }, begun.redirect_uri),
      el("dt", null, t("zalo.challenge")),
      el("dd", { class: "mono break" }, begun.code_challenge),
    ),
    el("p", { class: "small" }, t("zalo.until", { at: format.moment(begun.expires_at) })),
    el("a", { class: "button main", href: begun.url, rel: "noreferrer" }, t("zalo.go")),
  );
}

/** Finish what came back, where this tab began it; the code leaves the address at once. */
export async function finish({ t, api, signal, address, link }, place, look) {
  const state = address.query.get("state") ?? "";
  const code = address.query.get("code") ?? "";
  history.replaceState(null, "", link("channels"));
  if (!pending.isMine(state)) {
    fill(place, el("div", { class: "notice bad", role: "alert", id: "zalo-back" }, el("p", null, t("zalo.not_here")), el("p", { class: "soft" }, t("zalo.again"))));
    return;
  }
  fill(place, el("p", { class: "waiting", role: "status" }, t("zalo.finishing")));
  try {
    const made = await api.post("/channels/zalo/consents/finish", { state, code }, { signal });
    await look();
    fill(
      place,
      el(
        "div",
        { class: "notice good", role: "status", id: "zalo-back" },
        el("p", null, t("zalo.connected", { name: made.name })),
        el("p", { class: "small break" }, t("zalo.webhook"), " ", el("span", { class: "mono" }, `${location.origin}${made.webhook}`)),
      ),
    );
  } catch (error) {
    if (error.name !== "AbortError") fill(place, el("div", { id: "zalo-back" }, trouble(t, error)));
  }
}
