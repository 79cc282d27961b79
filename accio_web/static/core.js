// What every module stands on: elements, the address, and calls to the server.
import { h, render } from './vendor/preact.js';
import { useCallback, useEffect, useRef, useState } from './vendor/hooks.js';
import htm from './vendor/htm.js';

export { render, useCallback, useEffect, useRef, useState };
export const html = htm.bind(h);

const BASE = document.documentElement.dataset.base || '';

// ---------------------------------------------------------------------------------------------------------- the time

const TRUSTED_MS = 10_000; // a difference that answers may be on their way
let ahead = 0;

/** The time as the server has it, in milliseconds: clocks of browsers may be wrong. */
export const now = () => Date.now() - ahead;

function told(date) {
  const difference = Date.now() - Date.parse(date ?? '');
  if (Number.isFinite(difference)) ahead = Math.abs(difference) > TRUSTED_MS ? difference : 0;
}

// ------------------------------------------------------------------------------------------------------- the address

/** The address of a page of ours. @param {string} path @param {Record<string, any>} [query] */
export function href(path, query = {}) {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== '' && each !== null && each !== undefined) pairs.append(name, each);
    }
  }
  const text = pairs.toString();
  return BASE + path + (text ? `?${text}` : '');
}

export const runPath = (run) => `/runs/${encodeURIComponent(run)}`;
/** The run and the node of a place that is written as RUN/NODE. @returns {[string, string]} */
export const placeOf = (text) => [text.split('/')[0], text.slice(text.indexOf('/') + 1)];
export const nodePath = (run, node) => `${runPath(run)}/${encodeURIComponent(node)}`;

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // somebody wrote a % that stands for nothing: there is no such page then
  }
}

function parsed() {
  const parts = location.pathname.slice(BASE.length).split('/').filter(Boolean).map(decoded);
  return { parts, query: new URLSearchParams(location.search) };
}

const addressListeners = new Set();
const addressChanged = () => addressListeners.forEach((listener) => listener(parsed()));
addEventListener('popstate', addressChanged);

/** Show another page. @param {string} target from `href` */
export function go(target, { replace = false } = {}) {
  if (target === location.pathname + location.search) return;
  history[replace ? 'replaceState' : 'pushState'](null, '', target);
  if (!replace) scrollTo(0, 0);
  addressChanged();
}

/** Change parts of the query; empty ones go. The address is the whole state of a page. */
export function goQuery(changes, { replace = true } = {}) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    query.delete(name);
    for (const each of Array.isArray(value) ? value : [value]) if (each) query.append(name, each);
  }
  const text = query.toString();
  go(location.pathname + (text ? `?${text}` : ''), { replace });
}

export function useAddress() {
  const [address, set] = useState(parsed);
  useEffect(() => {
    addressListeners.add(set);
    return () => addressListeners.delete(set);
  }, []);
  return address;
}

document.addEventListener('click', (event) => {
  const link = /** @type {Element} */ (event.target).closest?.('a[href]');
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const url = new URL(link.getAttribute('href'), location.href); // links in SVG have no text in .href
  const ours = url.origin === location.origin && url.pathname.startsWith(`${BASE}/`);
  if (!ours || link.hasAttribute('download') || url.pathname.startsWith(`${BASE}/api/`)) return;
  if (link.getAttribute('href').startsWith('#')) return;
  event.preventDefault();
  go(url.pathname + url.search);
});

// --------------------------------------------------------------------------------------------------------- the server

/** What went wrong with a call. */
export class Failed extends Error {
  constructor(status, kind, message, issues = []) {
    super(message);
    Object.assign(this, { status, kind, issues });
  }
}

/** After how long what failed on its way is tried again. */
export const AGAIN_MS = 2000;
const SOON_MS = 30;
let csrf = '';
let entries = 0; // how often somebody logged in, or out: what is answered later tells nothing about the next session

/** Whether a call failed on its way: asked again, it may be answered. */
export const isPassing = (error) => error.status === 0 || [502, 503, 504].includes(error.status);

export const apiAddress = (path, query) => href(`/api/v1${path}`, query);

async function called(path, query, options) {
  const asked = entries;
  let response;
  try {
    response = await fetch(apiAddress(path, query), { credentials: 'same-origin', ...options });
    told(response.headers.get('date'));
  } catch {
    throw new Failed(0, 'Away', 'accio web does not answer: is it still running?');
  }
  const body = await response.json().catch(() => ({}));
  if (response.ok) {
    if (path === '/login') entries += 1;
    return body;
  }
  const { kind = 'Failed', message = `the answer was ${response.status}`, issues } = body.error ?? {};
  const failed = new Failed(response.status, kind, message, issues);
  if (response.status === 401 && path !== '/login' && asked === entries) toLogin();
  throw failed;
}

function toLogin() {
  const here = location.pathname.slice(BASE.length) + location.search;
  if (!here.startsWith('/login')) go(href('/login', { next: here === '/' ? '' : here }), { replace: true });
}

export const api = (path, query) => called(path, query, {});

/** Change something. */
export async function post(path, body = {}) {
  if (!csrf && path !== '/login') await session();
  const headers = { 'content-type': 'application/json', 'x-accio-csrf': csrf };
  return called(path, {}, { method: 'POST', headers, body: JSON.stringify(body) });
}

/** What is known of the session; also learns its secret. */
export async function session() {
  const found = await api('/session');
  csrf = found.csrf;
  return found;
}

export function forgetSession() {
  csrf = '';
  entries += 1;
}

/** Call until there is an answer, or a fault that stays; returns what gives up. @param {() => Promise<any>} call @param {(found: any) => void} done */
export function untilAnswered(call, done) {
  let over = false;
  let timer = 0;
  const ask = () => call().then((found) => over || done(found), (error) => { if (!over && isPassing(error)) timer = setTimeout(ask, AGAIN_MS); });
  ask();
  return () => {
    over = true;
    clearTimeout(timer);
  };
}

/** Whether who asks is still shown: what is answered later moves nobody away from another page. */
export function useShown() {
  const shown = useRef(true);
  useEffect(() => {
    shown.current = true;
    return () => { shown.current = false; };
  }, []);
  return shown;
}

const refreshers = new Set();
/** Ask for everything again: the daemon has started anew, say. */
export const refreshAll = () => refreshers.forEach((refresh) => refresh());

/**
 * The answer to a call, asked again when *path*, *query* or *again* change, and a while after it failed on its way. What
 * was known stays while it is asked, and when asking fails.
 */
export function useData(path, query = {}, again = null) {
  const [state, set] = useState({ data: null, error: null, of: '' });
  const key = path === null ? '' : apiAddress(path, query);
  const asking = useRef({ of: '', again: false });
  const [later, soon] = [useRef(0), useRef(0)];
  const load = useCallback(async () => {
    if (!key) return;
    if (asking.current.of === key) { // one call at a time, however often something changes meanwhile
      asking.current.again = true;
      return;
    }
    const mine = { of: key, again: false };
    asking.current = mine;
    clearTimeout(later.current);
    const known = await api(path, query).then((data) => ({ data, error: null }), (error) => ({ data: null, error }));
    if (asking.current !== mine) return; // something else is asked since, the same as of later maybe: this is over
    asking.current = { of: '', again: false };
    const { data, error } = known;
    set((old) => ({ data: error && old.of === key ? old.data : data, error, of: key }));
    if (mine.again) load();
    else if (error && isPassing(error)) later.current = setTimeout(load, AGAIN_MS);
  }, [key]);
  const asked = useRef(null);
  useEffect(() => {
    const told = asked.current === load; // what is told together, of several topics, is asked for once
    asked.current = load;
    if (!told) load();
    else soon.current ||= setTimeout(() => { soon.current = 0; load(); }, SOON_MS);
  }, [load, again]);
  useEffect(() => () => { // nobody looks any more
    clearTimeout(soon.current);
    soon.current = 0;
    asking.current = { of: '', again: false };
    clearTimeout(later.current);
  }, [load]);
  useEffect(() => {
    refreshers.add(load);
    return () => refreshers.delete(load);
  }, [load]);
  return { data: state.data, error: state.error, isOld: state.of !== key, reload: load };
}
