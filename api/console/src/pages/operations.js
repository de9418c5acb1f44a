// How the work stands: lanes, what is stuck and why, channels, messages in trouble, and what agents mean to do.
import { el, fill } from "../dom.js";
import { badge, toneOf } from "../parts/badge.js";
import { deadLetters } from "../parts/letters.js";
import { empty } from "../parts/notice.js";
import { takeUp } from "../parts/takeup.js";
import { paceOf } from "../parts/pace.js";

const LOOK_MS = 5000;
const SOON_MS = 3 * 86_400_000;

export async function page(context) {
  const { t, api, signal } = context;
  const standing = el("div", { class: "column" });
  const told = el("div", { role: "status" });
  const letters = el("section", { class: "card", "aria-labelledby": "letters-heading" });
  const tasks = el("section", { class: "card", "aria-labelledby": "tasks-heading" });

  async function look() {
    const found = await api.get("/operations", { signal });
    fill(standing, lanes(context, found.lanes), stuck(context, found, told, look), channels(context, found.channels));
    fill(tasks, taskList(context, await api.get("/tasks", { query: { limit: 30 }, signal })));
  }

  async function again() {
    if (signal.aborted) return;
    try {
      if (document.visibilityState === "visible") await look();
    } catch (error) {
      if (error.name === "AbortError") return;
    }
    setTimeout(again, LOOK_MS);
  }

  await look();
  await deadLetters(context, letters);
  setTimeout(again, LOOK_MS);
  return {
    title: t("nav.operations"),
    node: el(
      "div",
      { class: "page" },
      el("h1", null, t("operations.title")),
      paceOf(context),
      el("div", { class: "columns even" }, standing, el("div", { class: "column" }, tasks, letters)),
    ),
  };
}

function lanes({ t, say, format }, found) {
  const names = ["batches_due", "messages_due", "messages_later", "in_hand", "lost"];
  return el(
    "section",
    { class: "card", "aria-labelledby": "lanes-heading" },
    el("h2", { id: "lanes-heading" }, t("lanes.title")),
    el(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-labelledby": "lanes-heading" },
      el(
        "table",
        { class: "figures" },
        el("thead", null, el("tr", null, el("th", { scope: "col" }, t("lanes.lane")), names.map((name) => el("th", { scope: "col" }, t(`lanes.${name}`))))),
        el(
          "tbody",
          null,
          found.map((lane) =>
            el(
              "tr",
              { "data-lane": lane.lane },
              el("th", { scope: "row" }, say("lane", lane.lane)),
              names.map((name) => el("td", { class: name === "lost" && lane.lost ? "bad-text" : null }, format.count(lane[name]))),
            ),
          ),
        ),
      ),
    ),
  );
}

function stuck(context, found, told, look) {
  const { t, say, link, format } = context;
  const campaign = (one) => el("a", { href: link("campaigns", one.campaign_id) }, one.campaign_name);
  const rows = [
    ...found.stuck.map((one) =>
      el(
        "li",
        null,
        el("div", { class: "between" }, campaign(one), badge(say("why", one.why), one.why === "no_worker" ? "bad" : "wait")),
        el(
          "p",
          { class: "soft small" },
          t(`stuck.${one.what}`, { count: format.count(one.count) }),
          one.channel && ` · ${one.channel}`,
          ` · ${t("stuck.since", { at: format.moment(one.since) })}`,
        ),
        one.why === "no_worker" && takeUp(context, one.run_ids.map((id) => ({ what: "run", record_id: id })), told, look),
      ),
    ),
    ...found.put_off.map((one) =>
      el(
        "li",
        { "data-batch": one.batch_id },
        el("div", { class: "between" }, campaign(one), badge(say("why", "put_off"), "bad")),
        el("p", { class: "soft small" }, t("stuck.put_off", { run: say("run", one.kind), count: format.count(one.setbacks), at: format.moment(one.due_at) })),
        takeUp(context, [{ what: "batch", record_id: one.batch_id }], told, look),
      ),
    ),
    ...found.untold.map((one) =>
      el(
        "li",
        { "data-outbox": one.outbox_id },
        el("div", { class: "between" }, el("span", null, t("stuck.outbox", { source: one.source ?? "?" })), badge(say("why", one.is_given_up ? "given_up" : "failing"), one.is_given_up ? "bad" : "wait")),
        el("p", { class: "soft small break" }, t("stuck.tried", { count: format.count(one.attempts) }), ` · ${one.error}`),
        takeUp(context, [{ what: "outbox", record_id: one.outbox_id }], told, look),
      ),
    ),
  ];
  return el(
    "section",
    { class: "card", "aria-labelledby": "stuck-heading" },
    el("h2", { id: "stuck-heading" }, t("stuck.title")),
    told,
    rows.length ? el("ul", { class: "plain allowed" }, rows) : el("p", { class: "soft" }, t("stuck.none")),
  );
}

function channels({ t, say, format, link }, found) {
  const soon = (token) => new Date(token.expires_at) - Date.now() < SOON_MS;
  return el(
    "section",
    { class: "card", "aria-labelledby": "channels-heading" },
    el("div", { class: "between" }, el("h2", { id: "channels-heading" }, t("channels.title")), el("a", { class: "button", href: link("channels") }, t("channels.all"))),
    found.length
      ? el(
          "ul",
          { class: "plain allowed" },
          found.map((one) =>
            el(
              "li",
              null,
              el(
                "div",
                { class: "between" },
                el("span", null, el("span", { class: "strong" }, one.name), el("span", { class: "soft" }, ` · ${say("channel", one.kind)}`)),
                badge(say("link", one.status), toneOf(one.status)),
              ),
              el(
                "p",
                { class: "soft small" },
                one.error_share === null ? t("channels.unused") : t("channels.errors", { share: format.share(one.error_share), total: format.count(one.total) }),
                one.last_sent_at && ` · ${t("channels.last", { at: format.moment(one.last_sent_at) })}`,
              ),
              Object.keys(one.classes).length > 0 &&
                el("p", { class: "small" }, Object.entries(one.classes).map(([name, count]) => [badge(`${name} ${format.count(count)}`, "bad"), " "])),
              one.tokens.map((token) =>
                el("p", { class: "small" }, badge(t("channels.token", { name: token.name, at: format.moment(token.expires_at) }), soon(token) ? "bad" : "plain")),
              ),
            ),
          ),
        )
      : empty(t("channels.none")),
  );
}

function taskList({ t, say, link, format }, found) {
  const order = (task) => (task.status === "awaiting_approval" ? 0 : 1);
  const tasks = found.items.toSorted((a, b) => order(a) - order(b)).slice(0, 12);
  return [
    el("h2", { id: "tasks-heading" }, t("tasks.title")),
    tasks.length
      ? el(
          "ul",
          { class: "plain" },
          tasks.map((task) =>
            el(
              "li",
              { class: "between" },
              el("a", { href: link("tasks", task.task_id), class: "break" }, task.text ?? task.plan.map((call) => call.name).join(", ") ?? t("tasks.calls")),
              el("span", null, badge(say("task", task.status), toneOf(task.status)), el("span", { class: "soft small block" }, format.moment(task.created_at))),
            ),
          ),
        )
      : el("p", { class: "soft" }, t("tasks.none")),
  ];
}
