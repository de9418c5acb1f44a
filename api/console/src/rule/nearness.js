// How a person lies in the graph, or near others in meaning.
import { el } from "../dom.js";
import { amount, including, pick, text, words } from "./controls.js";
import { more, pairs } from "./pairs.js";
import { isAmount, isObject, isPairs, isText, looks } from "./shapes.js";

export const graph = {
  name: "graph",
  blank: () => ({ graph: "" }),
  fits: (document) => looks(document, { graph: (value) => isText(value) || looks(value, { cypher: isText }) }, { with: isPairs }),
  draw(form) {
    const { t, document, known } = form;
    const isOwn = isObject(document.graph);
    const found = known.patterns.find((one) => one.name === document.graph);
    const modes = ["named", "own"].map((one) => [one, t(`segment.graph.${one}`)]);

    function choose(mode) {
      form.put({ graph: mode === "own" ? { cypher: "MATCH (p:Profile)-[:BOUGHT]->(x:Product)\nWHERE x.key = $product\nRETURN DISTINCT p.profile_id" } : "" });
      form.redraw();
    }

    /** A pattern of the library says what it wants to be given. */
    function chooseNamed(name) {
      const parameters = known.patterns.find((one) => one.name === name)?.parameters ?? [];
      const given = parameters.map((one) => [one, form.document.with?.[one] ?? ""]);
      form.put({ graph: name, with: given.length ? Object.fromEntries(given) : undefined });
      form.redraw();
    }

    const label = t("segment.kind.graph");
    const named = [["", t("compose.choose")], ...including(known.patterns.map((one) => [one.name, one.name]), document.graph)];
    return [
      pick(isOwn ? "own" : "named", { part: "graph mode", label: t("segment.graph"), options: modes, set: choose }),
      isOwn
        ? text(document.graph.cypher, { part: "graph.cypher", label, isLong: true, set: (typed) => form.put({ graph: { cypher: typed } }) })
        : pick(document.graph, { part: "graph", label, options: named, set: chooseNamed }),
      found && el("span", { class: "soft small", lang: "en" }, found.purpose),
      document.with !== undefined && [words(t("segment.with")), pairs(form, "with", { label: t("segment.with"), names: found?.parameters ?? [] })],
      more(form, t("segment.with.more"), (was) => ({ with: { ...was.with, "": "" } })),
    ];
  },
};

const WHOM = ["segment", "profile", "text"];

export const like = {
  name: "like",
  blank: () => ({ like: { segment: "" }, nearest: 1000 }),
  fits: (document) => {
    const isWhom = (value) => isObject(value) && Object.keys(value).length === 1 && WHOM.some((one) => isText(value[one]));
    return looks(document, { like: isWhom, nearest: isAmount }) || looks(document, { like: isWhom, within: isAmount });
  },
  draw(form) {
    const { t, document, known } = form;
    const [whom] = Object.keys(document.like);
    const how = "within" in document ? "within" : "nearest";
    const said = document.like[whom];
    const box = { part: `like.${whom}`, label: t(`segment.like.${whom}`), set: (typed) => form.put({ like: { [whom]: typed } }) };

    function chooseWhom(wanted) {
      form.put({ like: { [wanted]: "" } });
      form.redraw();
    }

    function chooseHow(wanted) {
      form.replace({ like: form.document.like, [wanted]: wanted === "within" ? 0.6 : 1000 });
      form.redraw();
    }

    return [
      pick(how, { part: "how", label: t("segment.like.how"), options: ["nearest", "within"].map((one) => [one, t(`segment.like.${one}`)]), set: chooseHow }),
      amount(document[how], { part: how, label: t(`segment.like.${how}`), set: (typed) => form.put({ [how]: typed }) }),
      words(t(`segment.like.${how}.of`)),
      pick(whom, { part: "like", label: t("segment.like.whom"), options: WHOM.map((one) => [one, t(`segment.like.${one}`)]), set: chooseWhom }),
      whom === "segment" ? pick(said, { ...box, options: [["", t("compose.choose")], ...including(known.segments, said)] }) : text(said, box),
    ];
  },
};
