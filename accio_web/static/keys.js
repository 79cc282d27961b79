// Single keys: where to go, and what is chosen. They can be switched off.
import { go, href, html, useEffect, useState } from './core.js';
import { Dialog } from './parts.js';

const KEY = 'accio.keys';
export const KEYS = [
  ['g h', 'Workload'], ['g r', 'Runs'], ['g s', 'Submit'], ['g w', 'Workflows'], ['g c', 'Cluster'], ['g p', 'Pools'], ['g u', 'Usage'], ['/', 'To the query or search box'],
  ['j k', 'Next, previous row'], ['Enter', 'Open the row'], ['x', 'Select the row'], ['e', 'Edit the name'], ['[ ]', 'Previous, next child of the sweep, along the parameter gone along last'], ['← → ↑ ↓', 'In a map: read a cell; Enter adds it to the query'], ['+ − 0 ← →', 'In a timeline: show less, more, all; move'], ['n p', 'In a timeline: to the next, previous bar'], ['Esc', 'Close'], ['?', 'These keys'],
];
const PLACES = { h: '/', r: '/runs', s: '/submit', w: '/workflows', c: '/cluster', p: '/pools', u: '/usage' };

export const keysAreOn = () => {
  try {
    return localStorage.getItem(KEY) !== 'off';
  } catch {
    return true;
  }
};
export const switchKeys = (on) => {
  try {
    localStorage.setItem(KEY, on ? 'on' : 'off');
  } catch { /* it holds until the page is left */ }
};

function move(step) {
  const rows = [...document.querySelectorAll('main tbody tr a.row')];
  const at = rows.indexOf(/** @type {HTMLElement} */ (document.activeElement?.closest('tr')?.querySelector('a.row')));
  const next = rows[Math.min(rows.length - 1, Math.max(0, at + step))];
  /** @type {HTMLElement} */ (next)?.focus();
}

/** The keys [ and ] that were pressed before it was known which children are beside this one. */
const pressed = [];
let going = false;

/** Whether it is known by now which children are beside this one: goes where keys pressed before lead, one child each. */
export function useSteps(known) {
  useEffect(() => {
    if (!known || !pressed.length) return;
    const link = document.querySelector(`[data-step="${pressed.shift()}"]`);
    going = link !== null;
    if (going) /** @type {HTMLElement} */ (link).click();
    else pressed.length = 0;
  }, [known]);
  useEffect(() => () => { // whoever leaves otherwise means no further step
    if (!going) pressed.length = 0;
    going = false;
  }, []);
}

function step(key) {
  if (document.querySelector('[data-steps="awaited"]')) pressed.push(key);
  else /** @type {HTMLElement} */ (document.querySelector(`[data-step="${key}"]`))?.click();
}

export function useKeys() {
  const [help, show] = useState(false);
  useEffect(() => {
    let before = '';
    const press = (event) => {
      const typing = event.target.closest?.('input, textarea, select, dialog');
      if (typing || event.ctrlKey || event.metaKey || event.altKey || !keysAreOn()) return;
      const key = event.key;
      if (before === 'g' && PLACES[key]) go(href(PLACES[key]));
      else if (key === '/') /** @type {HTMLElement} */ (document.querySelector('[data-search]'))?.focus();
      else if (key === 'j' || key === 'k') move(key === 'j' ? 1 : -1);
      else if (key === 'x') /** @type {HTMLElement} */ (document.activeElement?.closest('tr')?.querySelector('input[type=checkbox]'))?.click();
      else if (key === '[' || key === ']') step(key);
      else if (key === 'e') /** @type {HTMLElement} */ (document.querySelector('[data-edit]'))?.click();
      else if (key === '?') show(true);
      else {
        before = key;
        return;
      }
      before = '';
      event.preventDefault();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, []);
  return [help, show];
}

export function KeyTable() {
  return html`<table class="keys"><thead><tr><th scope="col">Key</th><th scope="col">What it does</th></tr></thead>
    <tbody>${KEYS.map(([key, what]) => html`<tr><td><kbd>${key}</kbd></td><td>${what}</td></tr>`)}</tbody></table>`;
}

export function Help({ close }) {
  return html`<${Dialog} title="Keys" close=${close}><${KeyTable} />
    <div class="buttons"><button type="button" onClick=${close}>Close</button></div><//>`;
}
