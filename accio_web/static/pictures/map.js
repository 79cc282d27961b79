// Maps over two parameters: states, means and failures in cells, drawn on a canvas; a cell is read by mouse or arrow keys.
import { html, useEffect, useRef, useState } from '../core.js';
import { visible } from '../parts.js';
import { GLYPHS } from '../states.js';
import { NARROW } from './frame.js';
import { bounds, cividis, numberText, short, someTicks, tickText } from './scales.js';

export const WIDTH = NARROW ? 400 : 640;
const LEFT = 96;
const BOTTOM = 44;
const TOP = 6;
const TALLEST = 420;

/** Sizes of a map: its cells, and where they are. */
export function geometry(picture) {
  const [columns, rows] = [picture.x.ticks.length, picture.y.ticks.length];
  const width = (WIDTH - LEFT - 8) / columns;
  const height = Math.min(width, Math.max(14, 260 / rows), TALLEST / rows) || 1;
  return { columns, rows, width, cell: height, height: TOP + rows * height + BOTTOM };
}

/** What each cell shows: {row, column, value, n, failed, mixed, share}; empty cells have a null value. */
export function cells(picture) {
  const [low, high] = picture.head.kind === 'failures' ? [0, 1] : bounds(picture.values.flat());
  return picture.values.flatMap((row, r) => row.map((value, c) => ({
    row: r, column: c, value, n: picture.n[r][c], failed: picture.failed[r][c], mixed: picture.mixed?.[r][c] ?? false,
    share: value === null ? null : high > low ? (value - low) / (high - low) : 0.5,
  })));
}

/** A cell in words. */
export function said(picture, cell) {
  const where = `${picture.x.name}=${picture.x.ticks[cell.column]}, ${picture.y.name}=${picture.y.ticks[cell.row]}`;
  const failed = cell.failed ? `, ${cell.failed} failed` : '';
  if (cell.value === null) return visible(`${where}: nothing${failed}`);
  const value = picture.head.kind === 'states' ? `${picture.value.ticks[cell.value]}${cell.mixed ? ' (most of several states)' : ''}`
    : picture.head.kind === 'failures' ? `${(cell.value * 100).toFixed(1)} % failed` : numberText(cell.value);
  return visible(`${where}: ${value}, n=${cell.n}${picture.head.kind === 'failures' ? '' : failed}`);
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function redrawn(canvas, picture, chosen) {
  const ratio = (devicePixelRatio || 1) * Math.max(1, canvas.clientWidth / WIDTH); // sharp where it is shown larger
  canvas.width = WIDTH * ratio;
  canvas.height = geometry(picture).height * ratio;
  const context = canvas.getContext('2d');
  context.scale(ratio, ratio);
  draw(context, picture, chosen);
}

/** Draw a map, with one of its cells framed; the context is that of a canvas, or one that records. */
export function draw(context, picture, chosen) {
  const size = geometry(picture);
  const isStates = picture.head.kind === 'states';
  for (const cell of cells(picture)) {
    const [x, y] = [LEFT + cell.column * size.width, TOP + (size.rows - 1 - cell.row) * size.cell];
    context.fillStyle = cell.value === null ? colour('--sunken') : isStates ? colour(`--${picture.value.ticks[cell.value]}`) : `rgb(${cividis(cell.share).join(' ')})`;
    context.fillRect(x, y, size.width + 0.3, size.cell + 0.3);
    if (cell.value === null || cell.mixed) hatch(context, x, y, size, cell.value === null ? colour('--line') : colour('--surface'));
    if (size.cell >= 13 && size.width >= 16) mark(context, picture, cell, x + size.width / 2, y + size.cell / 2);
  }
  if (chosen) {
    context.strokeStyle = colour('--text');
    context.lineWidth = 2;
    context.strokeRect(LEFT + chosen.column * size.width, TOP + (size.rows - 1 - chosen.row) * size.cell, size.width, size.cell);
  }
  labels(context, picture, size);
}

function hatch(context, x, y, size, stroke) {
  context.save();
  context.beginPath();
  context.rect(x, y, size.width, size.cell);
  context.clip();
  context.strokeStyle = stroke;
  context.lineWidth = 1;
  context.beginPath();
  for (let at = -size.cell; at < size.width; at += 6) {
    context.moveTo(x + at, y + size.cell);
    context.lineTo(x + at + size.cell, y);
  }
  context.stroke();
  context.restore();
}

function mark(context, picture, cell, x, y) {
  const isStates = picture.head.kind === 'states';
  const text = isStates ? (cell.value === null ? '' : GLYPHS[picture.value.ticks[cell.value]] ?? '') : cell.failed && picture.head.kind === 'heat' ? GLYPHS.failed : '';
  if (!text) return;
  context.fillStyle = isStates ? colour('--surface') : cell.value === null ? colour('--failed') : cell.share > 0.55 ? '#000' : '#fff';
  context.font = '12px system-ui, sans-serif';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(text, x, y);
}

function labels(context, picture, size) {
  context.fillStyle = colour('--quiet');
  context.font = '12px system-ui, sans-serif';
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  const most = Math.max(2, Math.floor((size.rows * size.cell) / 18));
  for (const [at, text] of someTicks(picture.y.ticks, most)) {
    context.fillText(visible(tickText(text, 11)), LEFT - 6, TOP + (size.rows - 1 - at + 0.5) * size.cell);
  }
  context.textAlign = 'center';
  for (const [at, text] of someTicks(picture.x.ticks, NARROW ? 4 : 8)) {
    context.fillText(visible(tickText(text, 11)), LEFT + (at + 0.5) * size.width, TOP + size.rows * size.cell + 12);
  }
  context.fillStyle = colour('--text');
  context.fillText(visible(picture.x.unit ? `${picture.x.name} (${picture.x.unit})` : picture.x.name), LEFT + (WIDTH - LEFT) / 2, size.height - 10);
  context.save();
  context.translate(10, TOP + (size.rows * size.cell) / 2);
  context.rotate(-Math.PI / 2);
  const room = Math.floor((size.rows * size.cell) / 6.5);
  context.fillText(visible(short(picture.y.name, Math.max(4, room))), 0, 0);
  context.restore();
}

/** @param {{picture: any, choose?: (cell: any) => void}} props */
export function MapPicture({ picture, choose }) {
  const canvas = useRef(null);
  const [cell, point] = useState(null);
  useEffect(() => {
    const redraw = () => redrawn(canvas.current, picture, cell);
    redraw();
    addEventListener('themechange', redraw);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', redraw);
    return () => {
      removeEventListener('themechange', redraw);
      dark.removeEventListener('change', redraw);
    };
  }, [picture, cell]);
  const size = geometry(picture);
  const at = (row, column) => (row < 0 || column < 0 || row >= size.rows || column >= size.columns ? null
    : cells(picture)[row * size.columns + column]);
  const under = (event) => {
    const box = canvas.current.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) * (WIDTH / box.width), (event.clientY - box.top) * (size.height / box.height)];
    return at(size.rows - 1 - Math.floor((y - TOP) / size.cell), Math.floor((x - LEFT) / size.width));
  };
  const press = (event) => {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [1, 0], ArrowDown: [-1, 0] };
    if (event.key === 'Enter' && cell && choose) choose(cell);
    if (!steps[event.key]) return;
    event.preventDefault();
    const [down, right] = steps[event.key];
    point(cell ? at(cell.row + down, cell.column + right) ?? cell : at(0, 0));
  };
  return html`<canvas ref=${canvas} tabindex="0" role="img" aria-label=${`${picture.head.title}. Arrow keys read cells.`}
      onMouseMove=${(event) => point(under(event))} onMouseLeave=${() => point(null)} onKeyDown=${press} onClick=${(event) => { const found = under(event); if (found && choose) choose(found); }}></canvas>
    <p class="readout"><span aria-live="polite">${cell && said(picture, cell)}</span>${!cell && html`<${Legend} picture=${picture} />`}</p>`;
}

function Legend({ picture }) {
  if (picture.head.kind === 'states') {
    const there = new Set(picture.values.flat().filter((value) => value !== null));
    return html`${picture.value.ticks.map((state, i) => there.has(i) && html`<span class=${`state ${state}`}>${GLYPHS[state]} ${state}</span> `)}${picture.mixed?.flat().some(Boolean) && html`<span class="quiet">hatched: several states</span>`}`;
  }
  const [low, high] = picture.head.kind === 'failures' ? [0, 1] : bounds(picture.values.flat());
  return html`<span class="ramp-row">${numberText(low)} <span class="ramp" aria-hidden="true"></span> ${numberText(high)} ${visible(picture.value.unit)}</span>`;
}
