// A message as a person who is there would get it, with what that person lacks and what else stands against sending it.
import { el, fill } from "../dom.js";
import { message } from "./message.js";
import { trouble } from "./notice.js";
import { reader } from "./reader.js";

/** Give a field for the reader, a place where the message is shown, and `show(id, campaign)`, which asks for it. */
export function preview(context) {
  const { t, api, signal } = context;
  const person = reader(context, t("compose.reader"), t("compose.reader.hint"));
  const shown = el("div", { "aria-live": "polite" });
  return {
    person,
    shown,
    /** Have somebody stand there where nobody does yet. */
    suggest(people) {
      if (!person.control.value && people.length) person.control.value = people[0].ext_id;
    },
    async show(id, campaign = null) {
      const ext_id = person.control.value.trim();
      person.fault(ext_id ? "" : t("compose.whose"));
      if (!ext_id) {
        person.control.focus();
        return;
      }
      fill(shown, el("p", { class: "waiting", role: "status" }, t("loading")));
      try {
        const found = await api.post(`/templates/${id}/preview`, { ext_id, campaign }, { signal });
        fill(shown, previewed(context, found));
      } catch (error) {
        if (error.name !== "AbortError") fill(shown, trouble(t, error));
      }
    },
  };
}

function previewed(context, found) {
  const { t } = context;
  const told = { ...found, template: found.key, template_version: found.version };
  return [
    found.missing.length > 0 && el("p", { class: "notice wait" }, t("compose.missing", { names: found.missing.join(", ") })),
    found.faults.length > 0 && el("div", { class: "notice bad" }, found.faults.map((one) => el("p", { "data-kind": one.kind }, one.text[t.language]))),
    found.written_in !== null && message(context, told),
  ];
}
