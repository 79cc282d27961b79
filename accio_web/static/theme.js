// Light or dark: as the system is, or as the reader wants it.
import { html, useEffect, useState } from './core.js';

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

let current = kept();

export const theme = () => current;

/** Show this theme from now on. */
export function chooseTheme(next) {
  try {
    localStorage.setItem(KEY, next);
  } catch { /* it holds until the page is left */ }
  current = next;
  apply(next);
}

export function ThemeSwitch() {
  const [shown, set] = useState(current);
  useEffect(() => {
    const changed = () => set(current);
    addEventListener('themechange', changed);
    return () => removeEventListener('themechange', changed);
  }, []);
  return html`<button class="quiet" type="button" onClick=${() => chooseTheme(NEXT[current] ?? 'system')} aria-label=${`Theme: ${shown}`} title=${`Theme: ${shown}`}>◐</button>`;
}
