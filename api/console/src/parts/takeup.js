// Going on with what is stuck, from where it stands: asked once more, for a reason that is kept.
import { el, fill } from "../dom.js";
import { confirmed } from "./confirm.js";
import { trouble } from "./notice.js";

/** Give a button that takes `records` up again, where the key may; `told` is where what came of it is said. */
export function takeUp(context, records, told, after) {
  const { t, say, api, may, format, signal } = context;
  if (!may("admin") || !records.length) return null;

  async function ask() {
    const sure = await confirmed(context, t("takeup.sure"), t("takeup.verb"), { note: t("takeup.reason") });
    if (!sure) return;
    if (!sure.note) {
      fill(told, el("p", { class: "notice wait" }, t("takeup.no_reason")));
      return;
    }
    try {
      const done = [];
      for (const record of records) done.push(await api.post("/operations/take-up", { ...record, reason: sure.note }, { signal }));
      const moved = done.reduce((sum, one) => sum + one.moved, 0);
      const refused = done.find((one) => one.refused)?.refused;
      fill(told, el("p", { class: refused ? "notice wait" : "notice" }, refused ? t("takeup.refused", { why: say("takeup", refused === "done" ? "done_already" : refused) }) : t("takeup.done", { count: format.count(moved) })));
      await after();
    } catch (error) {
      if (error.name !== "AbortError") fill(told, trouble(t, error));
    }
  }

  return el("div", { class: "tools" }, el("button", { type: "button", onclick: ask }, t("takeup.verb")));
}
