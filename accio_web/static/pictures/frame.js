// The frame of a chart with two axes: grid, ticks and labels, as SVG.
import { html } from '../core.js';
import { visible } from '../parts.js';
import { short, tickText } from './scales.js';

// On a phone charts have fewer units across, so that their texts are as large as elsewhere.
export const NARROW = matchMedia('(max-width: 640px)').matches;
export const SIZE = { width: NARROW ? 400 : 640, height: NARROW ? 300 : 360, left: 68, right: 16, top: 14, bottom: 52 };
export const INNER = { from: SIZE.left, to: SIZE.width - SIZE.right, top: SIZE.top, bottom: SIZE.height - SIZE.bottom };

export const axisLabel = (axis) => (axis.unit ? `${axis.name} (${axis.unit})` : axis.name);

/** @param {{x: any, y: any, xLabel: string, yLabel: string, label: string, links?: boolean, children?: any}} props links: whether there are some inside */
export function Frame({ x, y, xLabel, yLabel, label, links = false, children }) {
  return html`<svg viewBox=${`0 0 ${SIZE.width} ${SIZE.height}`} role=${links ? 'group' : 'img'} aria-label=${label} class="chart">
    <g class="grid">${y.ticks.map(([value, text]) => html`<line x1=${INNER.from} x2=${INNER.to} y1=${y.place(value)} y2=${y.place(value)} />
      <text x=${INNER.from - 8} y=${y.place(value)} dy="0.32em" text-anchor="end">${visible(tickText(text, 9))}</text>`)}
      ${x.ticks.map(([value, text]) => html`<line x1=${x.place(value)} x2=${x.place(value)} y1=${INNER.bottom} y2=${INNER.bottom + 5} />
      <text x=${x.place(value)} y=${INNER.bottom + 19} text-anchor="middle">${visible(tickText(text, 11))}</text>`)}</g>
    <line class="axis" x1=${INNER.from} x2=${INNER.to} y1=${INNER.bottom} y2=${INNER.bottom} />
    ${children}
    <text class="label" x=${(INNER.from + INNER.to) / 2} y=${SIZE.height - 8} text-anchor="middle">${visible(xLabel)}</text>
    <text class="label" transform=${`translate(14 ${(INNER.top + INNER.bottom) / 2}) rotate(-90)`} text-anchor="middle">${visible(short(yLabel, 44))}</text>
  </svg>`;
}
