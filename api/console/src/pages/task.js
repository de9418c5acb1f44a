// One agent task: what was asked, what it means to do, whom that would reach, who let it, and every step as it happens.
import { el, fill } from "../dom.js";
import { badge, toneOf } from "../parts/badge.js";
import { confirmed } from "../parts/confirm.js";
import { trouble } from "../parts/notice.js";

const FINAL = ["succeeded", "failed", "cancelled"];

export async function page(context) {
  const { t, api, address, signal } = context;
  const path = `/tasks/${encodeURIComponent(address.parts[1])}`;
  const body = el("div", { class: "page narrow" });
  const steps = el("ol", { class: "plain" });
  const told = el("div", { role: "status" });

  async function settle(verb) {
    const sure = await confirmed(context, t(`task.${verb}.sure`), t(`task.${verb}`), { note: true });
    if (!sure) return;
    try {
      await api.post(`${path}/${verb}`, sure.note ? { note: sure.note } : {}, { signal });
      fill(told, el("p", { class: "notice" }, t(`task.${verb}.done`)));
      draw(await api.get(path, { signal }));
    } catch (error) {
      fill(told, trouble(t, error));
    }
  }

  function draw(task) {
    fill(body, head(context, task, settle), told, plan(context, task), traceOf(context, steps));
    fill(steps, task.reasoning_trace.map((step) => stepOf(context, step)));
    return task;
  }

  async function follow(last) {
    try {
      await api.follow(
        `${path}/events`,
        async () => {
          if (!signal.aborted) draw(await api.get(path, { signal }));
        },
        signal,
      );
    } catch (error) {
      if (error.name !== "AbortError" && !signal.aborted) setTimeout(() => follow(last), 3000);
    }
  }

  const task = draw(await api.get(path, { signal }));
  if (!FINAL.includes(task.status)) follow(task.reasoning_trace.length);
  return { title: t("task.title", { id: task.task_id }), node: body };
}

function head({ t, say, may, format }, task, settle) {
  const waits = task.status === "awaiting_approval";
  return el(
    "header",
    { class: "head" },
    el("div", { class: "between" }, el("h1", null, t("task.title", { id: task.task_id })), badge(say("task", task.status), toneOf(task.status))),
    task.text && el("p", { class: "lead" }, `“${task.text}”`),
    el("p", { class: "soft small" }, format.moment(task.created_at), task.asked_by && ` · ${t("task.asked_by", { who: task.asked_by })}`),
    task.reasoning_summary && el("p", { class: "notice" }, task.reasoning_summary),
    task.error && wrong(t, task.error),
    waits &&
      task.approval &&
      el(
        "div",
        { class: "notice wait" },
        el(
          "p",
          null,
          task.approval.people === null
            ? t("task.waits_unknown", { limit: format.count(task.approval.limit) })
            : t("task.waits", { people: format.count(task.approval.people), limit: format.count(task.approval.limit) }),
        ),
        may("approve")
          ? el(
              "div",
              { class: "tools" },
              el("button", { type: "button", class: "main", onclick: () => settle("approve") }, t("task.approve")),
              el("button", { type: "button", class: "danger", onclick: () => settle("reject") }, t("task.reject")),
            )
          : el("p", { class: "soft small" }, t("task.no_scope")),
      ),
    task.approval?.by &&
      el(
        "p",
        { class: "soft small" },
        t(task.approval.approved ? "task.approved_by" : "task.rejected_by", { who: task.approval.by, at: format.moment(task.approval.at) }),
        task.approval.note && ` · ${task.approval.note}`,
      ),
  );
}

function wrong(t, error) {
  // What an earlier version stored has no kinds; in English the remedy is beside the sentence, in Vietnamese inside.
  if (t.language === "en" || !error.faults.length) return el("p", { class: "notice bad" }, `${error.message} ${error.remedy}`);
  return el("div", { class: "notice bad" }, error.faults.map((one) => el("p", { "data-kind": one.kind }, one.text[t.language])));
}

function plan({ t, format }, task) {
  return el(
    "section",
    { class: "card", "aria-labelledby": "plan-heading" },
    el("h2", { id: "plan-heading" }, t("task.plan")),
    task.plan.length
      ? el(
          "ol",
          { class: "plain" },
          task.plan.map((call) =>
            el(
              "li",
              null,
              el("div", { class: "between" }, el("code", { class: "strong" }, call.name), badge(t(call.is_made ? "task.made" : "task.unmade"), call.is_made ? "good" : "plain")),
              el("pre", { class: "inside", tabindex: "0" }, JSON.stringify(call.arguments, null, 2)),
              call.people !== null && el("p", { class: "soft small" }, t("task.reaches", { people: format.count(call.people) })),
            ),
          ),
        )
      : el("p", { class: "soft" }, t("task.no_plan")),
  );
}

function traceOf({ t }, steps) {
  return el("section", { class: "card", "aria-labelledby": "trace-heading" }, el("h2", { id: "trace-heading" }, t("task.trace")), steps);
}

function stepOf({ t, say, format }, step) {
  const { from, to } = step.document;
  return el(
    "li",
    null,
    el(
      "div",
      { class: "between" },
      el("span", null, el("span", { class: "strong" }, say("step", step.kind)), to && el("span", { class: "soft" }, ` ${say("task", from)} → ${say("task", to)}`)),
      el("time", { class: "soft small", datetime: step.at }, format.time(step.at)),
    ),
    el("details", { class: "small" }, el("summary", null, t("timeline.attributes")), el("pre", { class: "inside", tabindex: "0" }, JSON.stringify(step.document, null, 2))),
  );
}
