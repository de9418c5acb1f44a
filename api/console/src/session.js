// What this browser keeps: the key for as long as the tab lives, language and theme for good.

const KEY = "leo.key";
const CONSENT = "leo.consent";
const LANGUAGE = "leo.language";
const THEME = "leo.theme";

export const session = {
  key: () => sessionStorage.getItem(KEY),
  open: (key) => sessionStorage.setItem(KEY, key),
  close: () => {
    sessionStorage.removeItem(KEY);
    sessionStorage.removeItem(CONSENT);
  },
};

/** A consent that this tab began: what comes back has to be that one, and is taken once. */
export const pending = {
  begin: (state) => sessionStorage.setItem(CONSENT, state),
  isMine: (state) => {
    const begun = sessionStorage.getItem(CONSENT);
    sessionStorage.removeItem(CONSENT);
    return Boolean(state) && state === begun;
  },
};

export const wishes = {
  language: (known) => {
    const kept = localStorage.getItem(LANGUAGE);
    if (known.includes(kept)) return kept;
    return navigator.language.toLowerCase().startsWith("vi") ? "vi" : "en";
  },
  keepLanguage: (language) => localStorage.setItem(LANGUAGE, language),
  theme: () => localStorage.getItem(THEME),
  keepTheme: (theme) => localStorage.setItem(THEME, theme),
};

/** Whether what is shown now is dark, by choice or by the system. */
export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
