// One stream of changes per tab, closed while the tab is hidden.
import { AGAIN_MS, apiAddress, refreshAll, session, useEffect, useState } from './core.js';

const wanted = new Map(); // topic: how many components listen
const known = new Map(); // topic: what was told last
const listeners = new Set();
let stream = null;
let streamOf = '';
let opening = 0;
let paused = false;
let epoch = null;
export const link = { away: false, since: null };

const tell = () => listeners.forEach((listener) => listener());

function open() {
  opening = 0;
  const topics = [...wanted.keys()].sort();
  const key = topics.join(' ');
  if (document.hidden || paused || !topics.length) return close();
  if (stream && key === streamOf) return undefined;
  close();
  streamOf = key;
  const opened = new EventSource(apiAddress('/live', { topic: topics }));
  stream = opened;
  opened.onmessage = (event) => { if (stream === opened) hear(JSON.parse(event.data)); };
  opened.onopen = () => { if (stream === opened) change(false); };
  opened.onerror = async () => {
    if (stream !== opened) return; // another has taken its place
    change(true);
    if (opened.readyState !== EventSource.CLOSED) return; // it tries again by itself
    close();
    await session().catch(() => null); // shows the log-in if that is what is missing
    later(AGAIN_MS);
  };
  return undefined;
}

function close() {
  stream?.close();
  stream = null;
}

function later(ms) {
  clearTimeout(opening);
  opening = setTimeout(open, ms);
}

function change(away) {
  if (link.away === away) return;
  link.away = away;
  link.since = new Date();
  tell();
}

function hear({ topic, content, error }) {
  const before = known.get(topic);
  const at = error ? before?.at ?? null : new Date();
  known.set(topic, { content: content ?? before?.content ?? null, error, at, serial: (before?.serial ?? 0) + 1 });
  if (topic === 'cluster' && content) {
    if (epoch !== null && (epoch !== content.epoch || before?.error)) refreshAll();
    epoch = content.epoch;
  }
  tell();
}

document.addEventListener('visibilitychange', () => later(0));

/** Stop or go on with telling changes. */
export function pause(value) {
  paused = value;
  later(0);
  tell();
}
export const isPaused = () => paused;

/** End the stream: whoever logs out hears no more. */
export function silence() {
  close();
  clearTimeout(opening);
  known.clear();
  epoch = null;
  link.away = false;
}

/** What was told about a topic last: {content, error, at, serial}; null before the first time. */
export function useTopic(topic) {
  const [, again] = useState(0);
  useEffect(() => {
    const listener = () => again((n) => n + 1);
    listeners.add(listener);
    if (topic) wanted.set(topic, (wanted.get(topic) ?? 0) + 1);
    later(20);
    return () => {
      listeners.delete(listener);
      const left = (wanted.get(topic) ?? 1) - 1;
      if (left) wanted.set(topic, left);
      else {
        wanted.delete(topic);
        known.delete(topic);
      }
      later(20);
    };
  }, [topic]);
  return topic ? known.get(topic) ?? null : null;
}
