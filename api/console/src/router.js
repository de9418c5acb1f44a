// Which page is meant by the address: what stands after `#`, as path and query.

/** Read an address: `#/people/kh-1?x=2` is `{parts: ["people", "kh-1"], query}`. */
export function read(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return { parts, query: new URLSearchParams(query) };
}

/** Write an address. */
export function link(...parts) {
  return `#/${parts.map((part) => encodeURIComponent(part)).join("/")}`;
}
