// A part of a line, from 0 to 1, that buttons and keys narrow, widen and move.
import { html } from '../core.js';

export const WHOLE = { from: 0, to: 1 };
const NARROWEST = 1e-4;
const KEYS = { '+': 'in', '=': 'in', '-': 'out', ArrowLeft: 'left', ArrowRight: 'right', 0: 'whole' };
const BUTTONS = [['left', '◂', 'Earlier'], ['out', '−', 'Show more'], ['in', '+', 'Show less'], ['right', '▸', 'Later']];

/** What is seen after a step. @param {{from: number, to: number}} view @param {string} step in, out, left, right, whole */
export function stepped(view, step) {
  if (step === 'whole') return WHOLE;
  const width = view.to - view.from;
  const next = Math.min(1, Math.max(NARROWEST, step === 'in' ? width / 2 : step === 'out' ? width * 2 : width));
  const middle = (view.from + view.to) / 2 + (step === 'left' ? -width / 4 : step === 'right' ? width / 4 : 0);
  const from = Math.min(1 - next, Math.max(0, middle - next / 2));
  return { from, to: from + next };
}

/** What a key means to `stepped`; null if nothing. */
export const stepOf = (event) => (event.ctrlKey || event.metaKey || event.altKey ? null : KEYS[event.key] ?? null);

/** @param {{view: {from: number, to: number}, look: (view: {from: number, to: number}) => void}} props */
export function ZoomButtons({ view, look }) {
  const whole = view.to - view.from >= 1;
  return html`<span class="zoom" role="group" aria-label="What is shown">${BUTTONS.map(([step, sign, name]) => html`<button class="quiet" type="button" aria-label=${name} title=${name}
    disabled=${whole && step !== 'in'} onClick=${() => look(stepped(view, step))}>${sign}</button>`)}</span>`;
}
