// Elements made by hand: whatever is shown goes in as text, so that nothing a person wrote becomes markup.

const SVG = "http://www.w3.org/2000/svg";

function set(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else if (name === "value") node.value = value;
  else node.setAttribute(name, value === true ? "" : String(value));
}

function grow(node, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) set(node, name, value);
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Make an element; `onclick` and the like listen, false and null attributes are left out, strings become text. */
export function el(tag, properties, ...children) {
  return grow(document.createElement(tag), properties, children);
}

/** Make an element of a drawing. */
export function svg(tag, properties, ...children) {
  return grow(document.createElementNS(SVG, tag), properties, children);
}

/** Replace what is inside. */
export function fill(node, ...children) {
  node.replaceChildren();
  return grow(node, null, children);
}
