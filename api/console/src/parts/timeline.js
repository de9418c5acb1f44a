// One time line: events, decisions with their reason, messages as they looked, outcomes; the newest first, by day.
import { el, fill } from "../dom.js";
import { archivedOn, badge, toneOf } from "./badge.js";
import { explained } from "./explained.js";
import { icon } from "./icon.js";
import { message } from "./message.js";
import { empty, trouble } from "./notice.js";

export function timeline(context, first, path) {
  const { t, api, signal, format } = context;
  const days = el("ol", { class: "days" });
  const more = el("div");
  let lastDay = null;
  let lastList = null;

  function add(entries) {
    for (const entry of entries) {
      const day = format.day(entry.at);
      if (day !== lastDay) {
        lastDay = day;
        lastList = el("ol", { class: "entries" });
        days.append(el("li", null, el("h3", { class: "day" }, day), lastList));
      }
      lastList.append(shown(context, entry));
    }
  }

  function offer(next) {
    fill(more, next && el("button", { type: "button", onclick: () => load(next) }, t("timeline.older")));
  }

  async function load(next) {
    fill(more, el("p", { class: "waiting", role: "status" }, t("loading")));
    try {
      const page = await api.get(path, { query: { before: next.before, before_id: next.before_id }, signal });
      add(page.items);
      offer(page.next);
    } catch (error) {
      if (error.name !== "AbortError") fill(more, trouble(t, error, () => load(next)));
    }
  }

  add(first.items);
  offer(first.next);
  return el(
    "section",
    { class: "card", "aria-labelledby": "timeline-heading" },
    el("h2", { id: "timeline-heading" }, t("timeline.title")),
    first.items.length ? days : empty(t("timeline.none")),
    more,
  );
}

function shown(context, entry) {
  const { t, format } = context;
  const told = TELL[entry.kind](context, entry);
  return el(
    "li",
    { class: `entry ${entry.kind}`, "data-record": entry.record_id },
    el("span", { class: "dot", title: t(`kind.${entry.kind}`) }, icon(entry.kind)),
    el(
      "div",
      { class: "told" },
      el(
        "p",
        { class: "between" },
        el("span", null, el("span", { class: "unseen" }, `${t(`kind.${entry.kind}`)}: `), told.title),
        el("time", { class: "soft small", datetime: entry.at }, format.time(entry.at)),
      ),
      (told.about || entry.detail.archived_at) && el("p", { class: "soft small" }, told.about, told.about && " ", archivedOn(context, entry.detail.archived_at)),
      told.more,
    ),
  );
}

/** Details that are asked for when they are opened, once. */
function later(context, summary, load) {
  const { t } = context;
  const inside = el("div", { class: "inside" });
  let isAsked = false;
  async function ask() {
    fill(inside, el("p", { class: "waiting", role: "status" }, t("loading")));
    try {
      fill(inside, await load());
    } catch (error) {
      if (error.name !== "AbortError") fill(inside, trouble(t, error, ask));
    }
  }
  return el(
    "details",
    {
      ontoggle: (event) => {
        if (event.target.open && !isAsked) {
          isAsked = true;
          ask();
        }
      },
    },
    el("summary", null, summary),
    inside,
  );
}

function campaignOf({ link, places }, detail) {
  const name = detail.campaign_name ?? detail.campaign;
  if (!detail.campaign_id || !places.includes("campaigns")) return name;
  return el("a", { href: link("campaigns", detail.campaign_id) }, name);
}

const TELL = {
  event({ t }, { what, detail }) {
    const attributes = Object.entries(detail.attributes ?? {});
    return {
      title: el("span", { class: "strong" }, what),
      about: t("timeline.source", { source: detail.source }),
      more:
        attributes.length > 0 &&
        el(
          "details",
          null,
          el("summary", null, t("timeline.attributes")),
          el("pre", { class: "inside", tabindex: "0" }, JSON.stringify(detail.attributes, null, 2)),
        ),
    };
  },
  decision(context, { what, why, detail, record_id }) {
    const { t, say, api, language, signal, format } = context;
    const isSend = what === "send";
    return {
      title: [
        badge(say("action", what), toneOf(what)),
        " ",
        isSend
          ? t("timeline.send", { channel: say("channel", detail.channel), template: `${detail.template} v${detail.template_version}` })
          : say("gate", detail.reason),
        " · ",
        campaignOf(context, detail),
      ],
      about: isSend ? t("timeline.chosen", { arbiter: say("arbiter", detail.arbiter) }) : what === "wait" ? t("allowed.until", { at: format.moment(detail.wait_until) }) : language === "en" && why,
      more: later(context, t("timeline.why"), async () =>
        explained(context, await api.get(`/decisions/${record_id}/explain`, { query: { language }, signal })),
      ),
    };
  },
  delivery(context, { what, detail, record_id }) {
    const { t, say, api, signal } = context;
    return {
      title: [
        badge(say("delivery", what), toneOf(what)),
        " ",
        t("timeline.to", { channel: say("channel", detail.channel), address: detail.address }),
      ],
      about: [t("timeline.attempts", { count: detail.attempts }), detail.class && el("span", { title: detail.code }, ` · ${say("class", detail.class)}`)],
      more: later(context, t("timeline.message"), async () => message(context, await api.get(`/deliveries/${record_id}/message`, { signal }))),
    };
  },
  outcome(context, { what, detail }) {
    const { t, say, format } = context;
    return {
      title: [badge(say("outcome", what), toneOf(what)), " ", detail.channel && say("channel", detail.channel)],
      about: [campaignOf(context, detail), detail.value && ` · ${t("timeline.value", { value: format.number(detail.value) })}`],
    };
  },
};
