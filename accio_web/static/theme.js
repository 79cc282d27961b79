// Light or dark: as the system is, or as the reader wants it.
import { html, useState } from './core.js';

const NEXT = { system: 'light', light: 'dark', dark: 'system' };
const KEY = 'accio.theme';

const kept = () => {
  try {
    return localStorage.getItem(KEY) ?? 'system';
  } catch {
    return 'system'; // storage may be forbidden
  }
};

function apply(theme) {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  dispatchEvent(new Event('themechange'));
}

apply(kept());

export function ThemeSwitch() {
  const [theme, set] = useState(kept);
  const change = () => {
    const next = NEXT[theme] ?? 'system';
    try {
      localStorage.setItem(KEY, next);
    } catch { /* it holds until the page is left */ }
    apply(next);
    set(next);
  };
  return html`<button class="quiet" type="button" onClick=${change} aria-label=${`Theme: ${theme}`}>◐ ${theme}</button>`;
}
