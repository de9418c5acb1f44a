/** Resolve a colour of the style sheet, which may depend on the theme, to one that a canvas takes. */
export function painted(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  probe.hidden = true;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
