// Parallel coordinates: a line for each child across its parameters and a result; of very many, how many go from bin to
// bin. Dragging along an axis writes a range into the query box; a click on an axis's name turns it around.
import { html, useRef, useState } from '../core.js';
import { visible } from '../parts.js';
import { useTheme } from '../theme.js';
import { NARROW } from './frame.js';
import { cividis, numberText, short, someTicks, tickText } from './scales.js';

const WIDTH = NARROW ? 640 : 960; // as many as are shown at least: texts are never smaller than elsewhere
const HEIGHT = 380;
const TOP = 44;
const BOTTOM = 18;
const SIDE = 70;
const COLOURS = 12;
const LEAST_DRAG = 4;
const [LEAST_LETTERS, MOST_LETTERS, LETTER] = [6, 20, 7.5];
const MOST_CENTRED = 12;
const LEAST_APART = 0.05;

const inner = HEIGHT - TOP - BOTTOM;

/** Where an axis stands, and where a share from 0 to 1 of it does. */
export function geometry(count) {
  const step = count > 1 ? (WIDTH - 2 * SIDE) / (count - 1) : 0;
  return { x: (at) => SIDE + at * step, y: (share, turned) => TOP + inner * (turned ? share : 1 - share) };
}

/** The share of an axis at which each of its ticks stands, with its text. @returns {[number, string][]} */
export function ticksOf(axis) {
  const { values, ticks, scale } = axis;
  if (!values || !values.length) return [];
  if (!ticks.length) return [[0, numberText(values[0])], [1, numberText(values[values.length - 1])]];
  const into = scale === 'log' ? Math.log : (value) => value;
  const [low, high] = [into(values[0]), into(values[values.length - 1])];
  return apart(someTicks(ticks, 10).map(([at, text]) => [high > low ? (into(values[at]) - low) / (high - low) : 0, text]));
}

/** Those ticks that don't lie over each other, the last one among them. @param {[number, string][]} ticks growing */
function apart(ticks) {
  const shown = [];
  for (const tick of ticks) {
    if (!shown.length || tick[0] - shown[shown.length - 1][0] >= LEAST_APART) shown.push(tick);
    else if (tick === ticks[ticks.length - 1] && shown.length > 1) shown[shown.length - 1] = tick;
  }
  return shown;
}

/** The condition that holds between two shares of an axis; empty where it can't be said. */
export function condition(axis, from, to) {
  const { name, values, ticks, scale } = axis;
  const [low, high] = from < to ? [from, to] : [to, from];
  if (scale === 'categories') {
    const inside = ticks.filter((_, at) => at / Math.max(1, ticks.length - 1) >= low && at / Math.max(1, ticks.length - 1) <= high);
    return inside.length ? `${name} in ${inside.map((text) => (/^[\w.+-]+$/.test(text) ? text : JSON.stringify(text))).join(',')}` : '';
  }
  if (ticks.length > 2) { // values that were tried: those inside, as they are written
    const inside = ticksOfAll(axis).filter(([share]) => share >= low - 1e-9 && share <= high + 1e-9).map(([, text]) => text);
    if (!inside.length) return '';
    return inside.length === 1 ? `${name}=${inside[0]}` : `${name}>=${inside[0]} ${name}<=${inside[inside.length - 1]}`;
  }
  const [first, last] = [values[0], values[values.length - 1]];
  const at = (share) => (scale === 'log' ? first * (last / first) ** share : first + (last - first) * share);
  return `${name}>=${numberText(at(low))} ${name}<=${numberText(at(high))}`;
}

function ticksOfAll({ values, ticks, scale }) {
  const into = scale === 'log' ? Math.log : (value) => value;
  const [low, high] = [into(values[0]), into(values[values.length - 1])];
  return ticks.map((text, at) => [high > low ? (into(values[at]) - low) / (high - low) : 0, text]);
}

/** How many letters of a name have room between two axes, beside the sign behind it. */
export const lettersOf = (count) => Math.max(LEAST_LETTERS, Math.min(MOST_LETTERS, Math.floor((count > 1 ? geometry(count).x(1) - SIDE : WIDTH) / LETTER) - 2));

/** Where the name of an axis is written: a long one of the first or the last axis keeps within the picture. */
export function namePlace(at, count, name) {
  const isLong = name.length > MOST_CENTRED;
  if (isLong && at === 0) return { x: 2, anchor: 'start' };
  return isLong && at === count - 1 ? { x: WIDTH - 2, anchor: 'end' } : { x: geometry(count).x(at), anchor: 'middle' };
}

/** The part of the scale that can be told from the background. */
const colour = (at, dark) => `rgb(${cividis((dark ? 0.35 : 0) + ((at + 0.5) / COLOURS) * (dark ? 0.65 : 0.8)).join(' ')})`;

/** Ways to draw, one for each colour: of children by the last axis, of bins by how many there are. */
export function ways(picture, turned) {
  const { x, y } = geometry(picture.axes.length);
  const found = Array.from({ length: COLOURS }, () => []);
  if (picture.lines) {
    for (const line of picture.lines) {
      const group = Math.min(COLOURS - 1, Math.floor(line[line.length - 1] * COLOURS));
      found[group].push(line.map((share, at) => `${at ? 'L' : 'M'}${x(at).toFixed(1)} ${y(share, turned.has(at)).toFixed(1)}`).join(''));
    }
  } else {
    const most = Math.max(1, ...picture.ribbons.flat(2));
    picture.ribbons.forEach((ribbon, at) => ribbon.forEach((row, from) => row.forEach((n, to) => {
      if (!n) return;
      const middle = (bin) => (bin + 0.5) / ribbon.length;
      found[Math.min(COLOURS - 1, Math.floor((Math.log1p(n) / Math.log1p(most)) * COLOURS))]
        .push(`M${x(at).toFixed(1)} ${y(middle(from), turned.has(at)).toFixed(1)}L${x(at + 1).toFixed(1)} ${y(middle(to), turned.has(at + 1)).toFixed(1)}`);
    })));
  }
  return found.map((parts) => parts.join(''));
}

/** @param {{picture: any, narrow?: (condition: string) => void}} props */
export function ParallelPicture({ picture, narrow }) {
  const [turned, turn] = useState(() => new Set());
  const [drag, set] = useState(null);
  const svg = useRef(null);
  const dark = useTheme();
  const { x, y } = geometry(picture.axes.length);
  const share = (event, at) => {
    const box = svg.current.getBoundingClientRect();
    const raw = Math.min(1, Math.max(0, 1 - ((event.clientY - box.top) * (HEIGHT / box.height) - TOP) / inner));
    return turned.has(at) ? 1 - raw : raw;
  };
  const begin = (at) => (event) => {
    event.target.setPointerCapture(event.pointerId);
    set({ at, from: share(event, at), to: share(event, at) });
  };
  const move = (event) => drag && set({ ...drag, to: share(event, drag.at) });
  const end = () => {
    if (drag && narrow && Math.abs(drag.to - drag.from) * inner >= LEAST_DRAG) {
      const said = condition(picture.axes[drag.at], drag.from, drag.to);
      if (said) narrow(said);
    }
    set(null);
  };
  const flip = (at) => turn((old) => new Set(old.has(at) ? [...old].filter((each) => each !== at) : [...old, at]));
  return html`<div class="scroll"><svg ref=${svg} viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} class="chart parallel" role="group" aria-label=${picture.head.title}>
      <g class=${picture.lines ? 'paths' : 'paths many'} aria-hidden="true">${ways(picture, turned).map((way, at) => way && html`<path d=${way} stroke=${colour(at, dark)} />`)}</g>
      ${picture.axes.map((axis, at) => html`<g>
        <line class="axis" x1=${x(at)} x2=${x(at)} y1=${TOP} y2=${TOP + inner} />
        ${ticksOf(axis).map(([each, text]) => html`<text class="tick" x=${x(at) - 6} y=${y(each, turned.has(at))} dy="0.32em" text-anchor="end">${visible(tickText(text, 11))}</text>`)}
        ${drag?.at === at && html`<rect class="brush" x=${x(at) - 8} width="16" y=${Math.min(y(drag.from, turned.has(at)), y(drag.to, turned.has(at)))} height=${Math.abs(y(drag.from, turned.has(at)) - y(drag.to, turned.has(at)))} />`}
        ${narrow && html`<rect class="strip" x=${x(at) - 12} width="24" y=${TOP} height=${inner} onPointerDown=${begin(at)} onPointerMove=${move} onPointerUp=${end} onPointerCancel=${() => set(null)}><title>Drag to keep a range of ${visible(axis.name)}</title></rect>`}
        <g class="flip" role="button" tabindex="0" aria-pressed=${turned.has(at)} aria-label=${`Turn ${visible(axis.name)} around`} onClick=${() => flip(at)} onKeyDown=${(event) => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); flip(at); } }}>
          <${Name} axis=${axis} letters=${lettersOf(picture.axes.length)} place=${namePlace(at, picture.axes.length, axis.name)} turned=${turned.has(at)} /></g></g>`)}
    </svg></div>`;
}

function Name({ axis, letters, place: { x, anchor }, turned }) {
  const left = { start: x, middle: x - 60, end: x - 120 }[anchor];
  return html`<rect class="strip" x=${left} y="4" width="120" height="30" /><text class="label" x=${x} y="18" text-anchor=${anchor}>${visible(short(axis.name, letters))} ${turned ? '▼' : '▲'}</text>
    ${axis.unit && html`<text x=${x} y="32" text-anchor=${anchor}>${visible(axis.unit)}</text>`}`;
}
