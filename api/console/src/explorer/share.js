// A query as a link, and back. What comes by a link is shown, never run by itself.

const PART = "q";

function packed(text) {
  const bytes = new TextEncoder().encode(text);
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function unpacked(text) {
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  return new TextDecoder().decode(bytes);
}

export function linkOf(query, parameters) {
  return `${location.origin}${location.pathname}#/explorer?${PART}=${packed(JSON.stringify({ query, parameters }))}`;
}

/** Give the query of an address, or null where it has none that can be read. */
export function sharedIn(query) {
  try {
    const found = JSON.parse(unpacked(query.get(PART) ?? ""));
    const parameters = found.parameters && typeof found.parameters === "object" && !Array.isArray(found.parameters) ? found.parameters : {};
    return typeof found.query === "string" ? { query: found.query, parameters } : null;
  } catch {
    return null;
  }
}
