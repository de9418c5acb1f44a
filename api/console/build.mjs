// Bundles src/ into dist/: modules and style under names that hold their hash, and the two pages that load them.
// What was built before is replaced when the new build is whole.
import { readFileSync, readdirSync, renameSync, rmSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";
import en from "./src/messages/en.js";
import vi from "./src/messages/vi.js";

const FRESH = "dist.new";

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".js"))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

/** Each language says the same things, and says all that is asked for. */
function checkMessages() {
  const missing = [
    ...Object.keys(en).filter((key) => !(key in vi)).map((key) => `vi: ${key}`),
    ...Object.keys(vi).filter((key) => !(key in en)).map((key) => `en: ${key}`),
  ];
  for (const file of sources("src")) {
    for (const [, key] of readFileSync(file, "utf8").matchAll(/\bt\("([^"]+)"/g)) {
      if (!(key in en)) missing.push(`${file}: ${key}`);
    }
  }
  if (missing.length) throw new Error(`messages are missing:\n${missing.join("\n")}`);
}

/** Nothing that a person wrote may become markup: text goes into pages as text. */
function checkMarkup() {
  const found = sources("src").filter((file) =>
    /\b(?:innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function)\b/.test(readFileSync(file, "utf8")),
  );
  if (found.length) throw new Error(`text becomes markup in ${found.join(", ")}`);
}

function page(template, names) {
  return Object.entries(names).reduce((text, [mark, name]) => text.replaceAll(`{${mark}}`, `/console/${name}`), template);
}

checkMessages();
checkMarkup();
rmSync(FRESH, { recursive: true, force: true });
mkdirSync(FRESH);
const built = await build({
  entryPoints: ["src/main.js", "src/frame.js", "src/style.css"],
  outdir: FRESH,
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["chrome123", "firefox120", "safari17.5"],
  minify: true,
  legalComments: "none",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  metafile: true,
  logLevel: "warning",
});
const made = Object.fromEntries(
  Object.entries(built.metafile.outputs)
    .filter(([, output]) => output.entryPoint)
    .map(([path, output]) => [output.entryPoint, basename(path)]),
);
const names = { MAIN: made["src/main.js"], STYLE: made["src/style.css"], FRAME: made["src/frame.js"] };
for (const name of ["index.html", "message.html"]) {
  writeFileSync(join(FRESH, name), page(readFileSync(join("src", name), "utf8"), names));
}
writeFileSync(join(FRESH, "icon.svg"), readFileSync("src/icon.svg"));
rmSync("dist", { recursive: true, force: true });
renameSync(FRESH, "dist");
