// What a condition may look like so that its form shows all of it. What looks otherwise is shown as it is, and never changed.
import { isNumber } from "../json.js";

const DATE = /^[1-9]\d{3}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?)?$/;
const DAY_LENGTH = "2026-05-01".length;

export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value) && !isNumber(value);
export const isText = (value) => typeof value === "string";
export const isScalar = (value) => value === null || isText(value) || typeof value === "boolean" || isNumber(value);
/** A number, or what somebody typed where one should stand. */
export const isAmount = (value) => isNumber(value) || isText(value);
export const isListOf = (is) => (value) => Array.isArray(value) && value.every(is);
export const isTextOrTexts = (value) => isText(value) || isListOf(isText)(value);
export const isPairs = (value) => isObject(value) && Object.values(value).every(isScalar);

/** Whether an object has the keys of `needed`, and of `more` some, each as it should look; nothing else. */
export function looks(value, needed, more = {}) {
  if (!isObject(value)) return false;
  const known = { ...needed, ...more };
  return Object.keys(needed).every((key) => Object.hasOwn(value, key)) && Object.keys(value).every((key) => Object.hasOwn(known, key) && known[key](value[key]));
}

/** Give the moment that a date means, in milliseconds: without a zone it is UTC. NaN where it is none. */
export function momentOf(text) {
  const day = text.slice(0, DAY_LENGTH);
  // Date.parse takes 31 February for 3 March.
  if (!DATE.test(text) || new Date(Date.parse(day)).toJSON()?.slice(0, DAY_LENGTH) !== day) return Number.NaN;
  const isDay = text === day;
  return Date.parse(isDay || /(?:Z|[+-]\d\d:\d\d)$/.test(text) ? text.replace(" ", "T") : `${text.replace(" ", "T")}Z`);
}

export const isDay = (value) => isText(value) && DATE.test(value) && value.length === DAY_LENGTH;

/** A date, or so many days before now (after it where negative); "" while nothing was chosen. */
export const isBound = (value) => (isText(value) ? value === "" || !Number.isNaN(momentOf(value)) : looks(value, { days_ago: isAmount }));

/** An object with one or both ends of a range. */
export const isEnds = (low, high) => (value) => looks(value, {}, { [low]: isAmount, [high]: isAmount }) && Object.keys(value).length > 0;
