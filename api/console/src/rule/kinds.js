// Every kind of condition that has a form.
import { attribute, profile } from "./attribute.js";
import { event, outcome } from "./history.js";
import { graph, like } from "./nearness.js";
import { isObject } from "./shapes.js";
import { consent, reachable, segment } from "./standing.js";

export const KINDS = [attribute, event, outcome, segment, consent, reachable, profile, graph, like];

/** Give the kind whose form shows all of a document, null where none does. */
export const kindOf = (document) => (isObject(document) && KINDS.find((one) => Object.hasOwn(document, one.name) && one.fits(document))) || null;
