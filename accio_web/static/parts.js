// Pieces that pages are made of: times, ids, messages, dialogs.
import { href, html, now, useEffect, useRef, useState } from './core.js';
import { exactTime, minuteOf } from './preferences.js';

// -------------------------------------------------------------------------------------------------------------- texts

/** @type {[number, string][]} */
const UNITS = [[60, 's'], [60, 'min'], [24, 'h'], [365, 'd']];

/** A duration in two figures: "3.2 s", "12 min". @param {number} seconds */
export function duration(seconds) {
  if (seconds > 0 && seconds < 0.00095) return `${Math.max(1, Math.round(seconds * 1e6))} µs`;
  if (seconds < 0.995) return `${Math.round(seconds * 1000)} ms`;
  let value = seconds;
  for (const [size, unit] of UNITS) {
    if (value < size || unit === 'd') return `${value < 10 && unit !== 'd' ? value.toFixed(1).replace(/\.0$/, '') : Math.round(value)} ${unit}`;
    value /= size;
  }
  return '';
}

export const number = (value) => value.toLocaleString('en');

/** A number with what it counts: "1 node", "2 nodes". */
export const counted = (value, what) => `${number(value)} ${what}${value === 1 ? '' : 's'}`;

/** Bytes with a unit that people know. */
export function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let at = 0;
  let left = value;
  while (left >= 1024 && at < units.length - 1) [left, at] = [left / 1024, at + 1];
  return `${left < 10 && at ? left.toFixed(1) : Math.round(left)} ${units[at]}`;
}

// Characters that steer a terminal or turn text around are shown, not obeyed.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** A text from anywhere as it may be shown. */
export const visible = (text) => String(text).replace(UNSEEN, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** A word as a shell takes it. */
export const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\"'\"'")}'`);

/** A value of a parameter or an output as one line. */
export const shown = (value) => visible(typeof value === 'string' ? value : JSON.stringify(value) ?? '–');

/** The form of a parameter that varies, as people say it. */
export function form(value) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return shown(value);
  if (value.values) return value.values.map(shown).join(', ');
  const step = value.step !== undefined ? ` by ${shown(value.step)}` : value.count !== undefined ? `, ${value.count} values` : '';
  return value.from === undefined ? shown(value) : `${shown(value.from)} … ${shown(value.to)}${step}${value.log ? ', log' : ''}`;
}

// ------------------------------------------------------------------------------------------------------------- pieces

const ticks = new Set();
setInterval(() => ticks.forEach((tick) => tick()), 5000);

/** From when to when, to the minute; the exact times are titles. @param {{from: string, to: string}} props */
export function Span({ from, to }) {
  const [begin, end] = [from, to].map((at) => html`<time datetime=${at} title=${exactTime(at)}>${minuteOf(at)}</time>`);
  return html`from ${begin} to ${end}`;
}

/** A time as people say it; the exact one is its title. */
export function Time({ at }) {
  const [, again] = useState(0);
  useEffect(() => {
    const tick = () => again((n) => n + 1);
    ticks.add(tick);
    return () => ticks.delete(tick);
  }, []);
  if (!at) return '–';
  const seconds = (now() - Date.parse(at)) / 1000;
  return html`<time datetime=${at} title=${exactTime(at)}>${seconds < 5 ? 'just now' : `${duration(seconds)} ago`}</time>`;
}

/** How long something took, or has taken until now. */
export function Took({ from, to }) {
  if (!from) return '–';
  return duration(Math.max(0, (to ? Date.parse(to) : now()) - Date.parse(from)) / 1000);
}

/** A button that puts a text on the clipboard. */
export function Copy({ text, label = 'Copy', name = label }) {
  const [done, set] = useState(false);
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => set(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = () => navigator.clipboard?.writeText(text).then(() => set(true), () => {});
  return html`<button class="quiet" type="button" title=${text} aria-label=${name} onClick=${copy}>
    ${done ? 'Copied ✓' : label}
  </button>`;
}

/** The commands that a page's reader could type instead. */
export function Command({ text }) {
  return html`<p class="command"><code>${visible(text)}</code> <${Copy} text=${text} name=${`Copy: ${visible(text)}`} /></p>`;
}

export function Bar({ share, label }) {
  const percent = Math.round(Math.min(1, Math.max(0, share || 0)) * 100);
  return html`<span class="bar" role="img" aria-label=${`${label}: ${percent} %`}><span style=${{ width: `${percent}%` }}></span></span>`;
}

/** What went wrong, where the content would be. */
export function Problem({ error, again }) {
  if (!error || error.status === 401) return null;
  return html`<div class="problem" role="alert">
    <p><b aria-hidden="true">✗</b> <span class="pre">${visible(error.message)}</span></p>
    ${error.issues?.length > 0 && html`<ul>${error.issues.map((each) => html`<li><code>${visible(each.path)}</code> ${visible(each.message)}</li>`)}</ul>`}
    ${again && html`<button type="button" onClick=${again}>Try again</button>`}
  </div>`;
}

/** Content once there is some; before, a line that says so. */
export function Loaded({ of, children }) {
  const { data, error, reload } = of;
  if (data) return children(data);
  return error ? html`<${Problem} error=${error} again=${reload} />` : html`<p class="loading" role="status">Loading …</p>`;
}

/** What a whole page is about, once it is there; where it isn't, the page has a title all the same. @param {{of: any, what: string, list: [string, string], children?: any}} props list: where there are others, and how that is called */
export function Whole({ of, what, list, children }) {
  const missing = of.error?.status === 404;
  if (!of.error || of.error.status === 401 || (of.data && !missing)) return html`<${Loaded} of=${of}>${children}<//>`;
  return html`<${Heading} text=${missing ? `${what} not found` : what} /><${Problem} error=${of.error} again=${missing ? undefined : of.reload} />
    ${missing && html`<p>${of.data ? 'It was there a moment ago, and has been deleted since.' : 'It may have been deleted.'} <a href=${href(list[0])}>${list[1]}</a></p>`}`;
}

export const NoWorkflow = ({ children = null }) => html`<${Empty} title="There is no workflow yet"><p>A workflow says which operators run, and how they are connected. Make a project to begin with, which has one, and store it:</p>
  <${Command} text="accio init" /><${Command} text="accio push WORKFLOW.json" />${children}<//>`;

export function Empty({ title, children }) {
  return html`<div class="empty"><p><b>${title}</b></p>${children}</div>`;
}

/** The title of a page, in the window's title, too. */
export function Heading({ text, instead = null, children }) {
  useEffect(() => { document.title = `${text} · Accio`; }, [text]);
  return html`<div class="heading"><h1 tabindex="-1" class=${instead ? 'unseen' : ''}>${visible(text)}</h1>${instead}${children}</div>`;
}

// ------------------------------------------------------------------------------------------------------------- dialog

/** Asks before something is changed; focus returns to where it was. */
export function Dialog({ title, children, close }) {
  const ref = useRef(null);
  useEffect(() => {
    const before = document.activeElement;
    ref.current.showModal();
    return () => /** @type {HTMLElement} */ (before)?.focus?.();
  }, []);
  return html`<dialog ref=${ref} aria-label=${title} onClose=${close}>
    <h2>${title}</h2>${children}
  </dialog>`;
}

/** A row of links that is scrolled sideways, where it doesn't fit, until the one that is open is seen. */
export function useOpenInSight(open) {
  const row = useRef(null);
  useEffect(() => {
    const at = row.current?.querySelector('[aria-current]');
    if (!at) return;
    const [link, seen] = [at.getBoundingClientRect(), row.current.getBoundingClientRect()];
    if (link.left < seen.left || link.right > seen.right) row.current.scrollLeft += link.left - seen.left - (seen.width - link.width) / 2;
  }, [open]);
  return row;
}

/** Tabs as links: which one is open is part of the address. */
export function Tabs({ names, open, to }) {
  const row = useOpenInSight(open);
  return html`<nav class="tabs" aria-label="Parts of this page" ref=${row}><ul>${names.map(
    (name) => html`<li><a href=${to(name)} aria-current=${name === open ? 'page' : undefined}>${name}</a></li>`,
  )}</ul></nav>`;
}
