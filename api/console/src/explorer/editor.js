// The editor: CodeMirror with Cypher's highlighting, and completion from the tenant's own labels, edges and properties.
// It stands in a shadow root, where its styles are adopted style sheets: the page's policy allows no other.
import { autocompletion, closeBrackets, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { HighlightStyle, StreamLanguage, bracketMatching, syntaxHighlighting } from "@codemirror/language";
import { cypher } from "@codemirror/legacy-modes/mode/cypher";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const KEYWORDS = "MATCH OPTIONAL WHERE RETURN WITH UNWIND ORDER BY LIMIT SKIP AS AND OR NOT IN IS NULL DISTINCT CASE WHEN THEN ELSE END STARTS ENDS CONTAINS DESC ASC".split(" ");

const LOOK = EditorView.theme({
  "&": { backgroundColor: "var(--paper)", color: "var(--ink)", fontSize: "14px", borderRadius: "8px" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "1px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6", minHeight: "7rem", maxHeight: "22rem" },
  ".cm-content": { padding: "0.6rem 0", caretColor: "var(--ink)" },
  ".cm-line": { padding: "0 0.9rem" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-placeholder": { color: "var(--soft)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground, ::selection": { backgroundColor: "color-mix(in srgb, var(--accent) 28%, transparent) !important" },
  ".cm-tooltip": { backgroundColor: "var(--paper)", border: "1px solid var(--line-strong)", borderRadius: "6px", color: "var(--ink)" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--raised)", color: "var(--ink)" },
  ".cm-completionDetail": { color: "var(--soft)" },
});

const WORDS = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--task)", fontWeight: "600" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: "var(--wait)" },
  { tag: tags.comment, color: "var(--soft)", fontStyle: "italic" },
  { tag: [tags.variableName, tags.standard(tags.variableName)], color: "var(--event)" },
  { tag: [tags.typeName, tags.className], color: "var(--delivery)" },
]);

/** What may stand at a place, by what stands before it. */
export function completionsOf(schema) {
  const labels = schema.labels.map((one) => ({ label: one.name, type: "class", detail: String(one.about ?? "") }));
  const edges = schema.edges.map((one) => ({ label: one.name, type: "interface", detail: `${one.start} → ${one.end}` }));
  const properties = [...new Set([...schema.labels, ...schema.edges].flatMap((one) => one.properties))].map((name) => ({ label: name, type: "property" }));
  const words = [...KEYWORDS.map((word) => ({ label: word, type: "keyword" })), ...schema.functions.map((name) => ({ label: name, type: "function", apply: `${name}(` }))];
  return (context) => {
    const edge = context.matchBefore(/\[\w*:\w*/);
    if (edge) return { from: edge.from + edge.text.indexOf(":") + 1, options: edges };
    const label = context.matchBefore(/\(\w*:\w*/);
    if (label) return { from: label.from + label.text.indexOf(":") + 1, options: labels };
    const property = context.matchBefore(/\w\.\w*/);
    if (property) return { from: property.from + 2, options: properties };
    const word = context.matchBefore(/\w+/);
    return word && (word.text.length > 1 || context.explicit) ? { from: word.from, options: words } : null;
  };
}

/** Put an editor into a box. */
export function editor(box, { text, schema, label, hint, onRun, onChange }) {
  const shadow = box.attachShadow({ mode: "open" });
  const run = () => {
    onRun();
    return true;
  };
  const view = new EditorView({
    parent: shadow,
    root: shadow,
    state: EditorState.create({
      doc: text,
      extensions: [
        keymap.of([{ key: "Mod-Enter", run }, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
        history(),
        bracketMatching(),
        closeBrackets(),
        StreamLanguage.define(cypher),
        syntaxHighlighting(WORDS),
        autocompletion({ override: [completionsOf(schema)] }),
        placeholder(hint),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": label }),
        EditorView.updateListener.of((update) => update.docChanged && onChange(update.state.doc.toString())),
        LOOK,
      ],
    }),
  });
  return {
    text: () => view.state.doc.toString(),
    write(next) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } });
    },
    focus: () => view.focus(),
    close: () => view.destroy(),
  };
}
