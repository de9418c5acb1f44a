// What languages are called in the language of the page.

/** Give the name of a language by its tag, `vi` or `en-GB`; the tag itself where it is none. */
export function nameOf({ language }, locale) {
  try {
    const name = new Intl.DisplayNames([language], { type: "language" }).of(locale.replace("_", "-"));
    return name.charAt(0).toUpperCase() + name.slice(1);
  } catch {
    return locale;
  }
}
