// What the API refused, in the language of the page: each fault by its kind, everything else by its code, never by its English.

/** Say what is wrong with one field, of a problem's `errors`. */
export function saidOf(t, one) {
  return one.text?.[t.language] ?? one.message;
}

/** Say a whole refusal; `isGeneral`: the page's language has only general words for it. */
export function refusal(t, error) {
  if (!("remedy" in error)) return { text: t("trouble.network"), isGeneral: true };
  if (t.language === "en") return { text: `${error.message} ${error.remedy}`.trim(), isGeneral: false };
  if (error.errors.length) return { text: error.errors.map((one) => saidOf(t, one)).join(" "), isGeneral: false };
  const key = `trouble.code.${error.code}`;
  const known = t(key);
  return { text: known === key ? t("trouble.code.unknown") : known, isGeneral: true };
}

/** Say a refusal in one text, for a place that has no room for more. */
export const sentence = (t, error) => refusal(t, error).text;
