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

/** Whether the page is dark now, for what isn't coloured by the style sheet. */
export function isDark() {
  const [red, green, blue] = (getComputedStyle(document.body).backgroundColor.match(/\d+/g) ?? ['255', '255', '255']).map(Number);
  return red + green + blue < 382;
}

/** Render again when the theme changes, by the switch or by the system. */
export function useTheme() {
  const [, again] = useState(0);
  useEffect(() => {
    const changed = () => again((n) => n + 1);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    addEventListener('themechange', changed);
    dark.addEventListener('change', changed);
    return () => {
      removeEventListener('themechange', changed);
      dark.removeEventListener('change', changed);
    };
  }, []);
  return isDark();
}

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
