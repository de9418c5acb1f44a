// Where a person stands: what they agreed to, whether they can be reached, which segments they are in.
import { including, pick, text, together, words } from "./controls.js";
import { isText, looks } from "./shapes.js";

export const consent = {
  name: "consent",
  blank: () => ({ consent: "marketing" }),
  fits: (document) => looks(document, { consent: isText }, { channel: isText, granted: (value) => typeof value === "boolean" }),
  draw(form) {
    const { t, document, channels } = form;
    const isGranted = document.granted ?? true;
    const answers = ["true", "false"].map((one) => [one, t(`segment.granted.${one}`)]);
    const covered = [["", t("segment.channel.every")], ...including(channels, document.channel)];
    return [
      pick(String(isGranted), { part: "granted", label: t("segment.granted"), options: answers, set: (one) => form.put({ granted: one === "true" ? undefined : false }) }),
      text(document.consent, { part: "consent", label: t("segment.purpose"), list: "rule-purposes", set: (typed) => form.put({ consent: typed }) }),
      together(words(t("segment.through")), pick(document.channel ?? "", { part: "channel", label: t("segment.channel"), options: covered, set: (one) => form.put({ channel: one || undefined }) })),
    ];
  },
};

export const reachable = {
  name: "reachable",
  blank: () => ({ reachable: "email" }),
  fits: (document) => looks(document, { reachable: isText }),
  draw(form) {
    const { t, document, channels } = form;
    return together(
      words(t("segment.through")),
      pick(document.reachable, { part: "reachable", label: t("segment.channel"), options: including(channels, document.reachable), set: (one) => form.put({ reachable: one }) }),
    );
  },
};

export const segment = {
  name: "segment",
  blank: () => ({ segment: "" }),
  fits: (document) => looks(document, { segment: isText }),
  draw(form) {
    const { t, document, known } = form;
    const options = [["", t("compose.choose")], ...including(known.segments, document.segment)];
    return [pick(document.segment, { part: "segment", label: t("segment.kind.segment"), options, set: (one) => form.put({ segment: one }) })];
  },
};
