// A value of the person compared: an attribute, or what a profile has beside its attributes.
import { el } from "../dom.js";
import { chips } from "./chips.js";
import { bound } from "./bounds.js";
import { amount, including, pick, scalar, text, together, words } from "./controls.js";
import { STEP } from "./known.js";
import { isAmount, isBound, isListOf, isScalar, isText } from "./shapes.js";

const FITS = {
  scalar: isScalar,
  scalars: isListOf(isScalar),
  text: isText,
  number: isAmount,
  range: (value) => isListOf(isAmount)(value) && value.length === 2,
  flag: (value) => typeof value === "boolean",
  bound: isBound,
  days: isAmount,
};
const BLANK = { scalar: "", scalars: [], text: "", number: "", range: ["", ""], flag: true, bound: { days_ago: 30 }, days: 30 };
const SHAPES = {
  is: "scalar",
  is_not: "scalar",
  in: "scalars",
  not_in: "scalars",
  includes: "text",
  starts_with: "text",
  ends_with: "text",
  more_than: "number",
  at_least: "number",
  less_than: "number",
  at_most: "number",
  between: "range",
  contains: "scalar",
  contains_any: "scalars",
  contains_none: "scalars",
  before: "bound",
  after: "bound",
  in_last_days: "days",
  in_next_days: "days",
  anniversary_in_days: "days",
  exists: "flag",
  is_empty: "flag",
};
const THERE = ["exists", "exists no", "is_empty", "is_empty no"];
const GROUPS = {
  value: ["is", "is_not", "in", "not_in"],
  text: ["includes", "starts_with", "ends_with"],
  number: ["more_than", "at_least", "less_than", "at_most", "between"],
  date: ["before", "after", "in_last_days", "in_next_days", "anniversary_in_days"],
  list: ["contains", "contains_any", "contains_none"],
  there: THERE,
};
// What is asked first of a value of a type.
const FIRST = { number: "at_least", date: "in_last_days", list: "contains" };

const testOf = (document, subject) => Object.keys(document).find((key) => key !== subject);
// A name with the sign between names in it, or with blanks around it, would be written as another one.
const isStep = (value) => isText(value) && value === value.trim() && !/›|\s>\s/.test(value);
const isPath = (value) => isStep(value) || (Array.isArray(value) && value.length > 0 && value.every(isStep));

function fits(document, subject, tests, isTextOnly) {
  const test = testOf(document, subject);
  if (Object.keys(document).length !== 2 || !tests.includes(test)) return false;
  const value = document[test];
  return FITS[SHAPES[test]](value) && (!isTextOnly || SHAPES[test] === "flag" || [value].flat().every(isText));
}

/** A test with a value of its shape, of the value that was there. */
function tested(test, was) {
  const shape = SHAPES[test];
  if (FITS[shape](was) && typeof was !== "boolean") return was;
  const one = Array.isArray(was) ? was[0] : was;
  if (shape === "scalars") return isScalar(one) && one !== "" ? [one] : [];
  if (["scalar", "text", "number"].includes(shape) && one !== undefined && FITS[shape](one) && typeof one !== "boolean") return one;
  return BLANK[shape];
}

/** The test and what it compares with; `subject` is the key that names the value. */
function comparison(form, subject, groups, { list, isTextOnly }) {
  const { t } = form;
  const test = testOf(form.document, subject);
  const value = form.document[test];
  const shape = SHAPES[test];
  const shown = shape === "flag" && !value ? `${test} no` : test;

  function choose(wanted) {
    const [next, no] = wanted.split(" ");
    form.replace({ [subject]: form.document[subject], [next]: SHAPES[next] === "flag" ? !no : tested(next, form.document[test]) });
    form.redraw();
  }

  const options = groups.map((group) => [t(`segment.tests.${group}`), GROUPS[group].map((one) => [one, t(`segment.test.${one}`)])]);
  const label = t("segment.value");
  const box = { part: test, label, list, set: (typed) => form.put({ [test]: typed }) };
  const fields = {
    scalar: () => (isTextOnly ? text(value, { ...box, hint: label }) : scalar(form, value, box)),
    scalars: () => chips(form, value, { ...box, isTyped: !isTextOnly }),
    text: () => text(value, { ...box, list: null, hint: label }),
    number: () => amount(value, box),
    range: () => {
      const end = (place) => amount(value[place], { part: `${test}[${place}]`, label: t(place ? "segment.to" : "segment.from"), set: (typed) => form.put({ [test]: form.document[test].with(place, typed) }) });
      return together(end(0), words("–"), end(1));
    },
    flag: () => null,
    bound: () => bound(form, value, box),
    days: () => amount(value, box),
  };
  return [pick(shown, { part: "test", label: t("segment.test"), options, set: choose }), fields[shape]()];
}

export const attribute = {
  name: "attribute",
  blank: () => ({ attribute: "", is: "" }),
  fits: (document) => isPath(document.attribute) && fits(document, "attribute", Object.keys(SHAPES), false),
  draw(form) {
    const { t, document, known } = form;
    const path = [document.attribute].flat().join(STEP);
    const values = el("datalist", { id: `rule-values-${form.id}` });

    function suggest(name) {
      values.replaceChildren(...known.valuesOf(name).map((one) => el("option", { value: one })));
    }

    function name(typed) {
      const steps = typed.split(/\s*›\s*|\s+>\s+/).map((one) => one.trim());
      form.put({ attribute: steps.length > 1 ? steps : steps[0] });
      suggest(steps.join(STEP));
    }

    /** A condition that asks nothing yet asks what is usual for the type. */
    function settle() {
      const first = FIRST[known.kindOf([form.document.attribute].flat().join(STEP))];
      if (!first || testOf(form.document, "attribute") !== "is" || form.document.is !== "") return;
      form.replace({ attribute: form.document.attribute, [first]: BLANK[SHAPES[first]] });
      form.redraw();
    }

    const subject = text(path, { part: "attribute", label: t("segment.kind.attribute"), list: "rule-attributes", hint: t("segment.attribute.hint"), set: name });
    subject.addEventListener("change", settle);
    suggest(path);
    return [subject, comparison(form, "attribute", Object.keys(GROUPS), { list: values.id }), values];
  },
};

export const profile = {
  name: "profile",
  blank: () => ({ profile: "name", includes: "" }),
  fits(document) {
    if (!isText(document.profile)) return false;
    return document.profile === "created_at" ? fits(document, "profile", GROUPS.date, false) : fits(document, "profile", [...GROUPS.value, ...GROUPS.text, "exists", "is_empty"], true);
  },
  draw(form) {
    const { t, document } = form;
    const isMoment = document.profile === "created_at";

    function choose(column) {
      const was = testOf(form.document, "profile");
      const isSame = (column === "created_at") === isMoment;
      form.replace({ profile: column, ...(isSame ? { [was]: form.document[was] } : column === "created_at" ? { in_last_days: 30 } : { is: "" }) });
      form.redraw();
    }

    const options = including([...form.known.words.columns, "created_at"].map((one) => [one, t(`segment.column.${one}`)]), document.profile);
    return [
      pick(document.profile, { part: "profile", label: t("segment.kind.profile"), options, set: choose }),
      comparison(form, "profile", isMoment ? ["date"] : ["value", "text", "there"], { isTextOnly: true }),
    ];
  },
};
