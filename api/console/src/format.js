// Numbers and moments as they are written in the chosen language, moments in the tenant's zone.

const LOCALES = { vi: "vi-VN", en: "en-GB" };

export function formats(language, zone) {
  const locale = LOCALES[language] ?? LOCALES.en;
  const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  const parts = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
  const share = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 });
  const clock = new Intl.DateTimeFormat(locale, { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const short = new Intl.DateTimeFormat(locale, { timeZone: zone, hour: "2-digit", minute: "2-digit" });
  const date = new Intl.DateTimeFormat(locale, { timeZone: zone, day: "numeric", month: "short" });
  const day = new Intl.DateTimeFormat(locale, { timeZone: zone, dateStyle: "full" });
  const plain = new Intl.DateTimeFormat(locale, { timeZone: zone, dateStyle: "medium" });
  const moment = new Intl.DateTimeFormat(locale, { timeZone: zone, dateStyle: "medium", timeStyle: "short" });
  const fields = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" });
  const wall = (at) => (at ? fields.format(new Date(at)).replace(" ", "T") : "");
  const ahead = (at) => Date.parse(`${wall(at)}Z`) - at;
  return {
    /** A moment as the tenant's clock shows it, `2026-05-01T09:00`, and the moment that such a clock means. */
    wall,
    instant: (text) => {
      if (!text) return null;
      const shown = Date.parse(`${text.slice(0, 16)}Z`);
      const near = shown - ahead(shown);
      return new Date(shown - ahead(near)).toISOString();
    },
    count: (value) => whole.format(value),
    number: (value) => parts.format(value),
    share: (value) => share.format(value),
    time: (at) => clock.format(new Date(at)),
    clock: (at, exact) => (exact ? clock : short).format(new Date(at)),
    date: (at) => date.format(new Date(at)),
    day: (at) => day.format(new Date(at)),
    day_of: (at) => (at ? plain.format(new Date(at)) : ""),
    moment: (at) => (at ? moment.format(new Date(at)) : ""),
  };
}
