// Differences of an output with their intervals, a row for each point, around a common zero.
import { html } from '../core.js';
import { number, visible } from '../parts.js';
import { numberText } from './scales.js';

const WIDTH = 180;
const HEIGHT = 20;

/** Where a difference and its ends stand on a line from −*most* to *most*. */
export function places(point, most) {
  const place = (value) => WIDTH / 2 + (Math.max(-most, Math.min(most, value)) / (most || 1)) * (WIDTH / 2 - 6);
  return { zero: WIDTH / 2, at: place(point.difference), low: point.low === null ? null : place(point.low), high: point.high === null ? null : place(point.high) };
}

/** Whether zero lies outside of the interval. */
export const isSure = (point) => point.low !== null && point.high !== null && (point.low > 0 || point.high < 0);

const signed = (value) => (value > 0 ? `+${numberText(value)}` : numberText(value));

export function Intervals({ output, first, second }) {
  const names = Object.keys(output.points[0]?.point ?? {});
  const how = output.common === 1 ? '' : `, at ${number(output.differing)} of ${number(output.common)} common points, ${output.paired ? 'paired by repetition' : 'as independent samples'}`;
  return html`<div class="scroll"><table class="rows intervals"><caption><b>${visible(output.name)}</b>${output.unit && ` (${visible(output.unit)})`}${how}${output.points.length < output.differing ? `; the first ${number(output.points.length)}` : ''}</caption>
    <thead><tr>${names.map((name) => html`<th scope="col">${visible(name)}</th>`)}${measured(first, second)}</tr></thead>
    <tbody>${output.points.map((point) => html`<tr>${names.map((name) => html`<td data-name=${name}>${visible(point.point[name])}</td>`)}<${Cells} point=${point} first=${first} second=${second} most=${widest(output)} /></tr>`)}</tbody></table></div>`;
}

/** Outputs that were compared at the same single point, a row for each; of single values there is no interval. @param {{outputs: any[], first: string, second: string}} props */
export function OnePoint({ outputs, first, second }) {
  const at = Object.entries(outputs[0].points[0].point).map(([name, value]) => `${name}=${value}`).join(', ');
  const known = outputs.some((output) => output.points[0].low !== null);
  return html`<div class="scroll"><table class="rows intervals"><caption>${at ? `At ${visible(at)}` : 'Outputs that differ'}</caption>
    <thead><tr><th scope="col">Output</th>${measured(first, second, known)}</tr></thead>
    <tbody>${outputs.map((output) => html`<tr><td class="what">${visible(output.name)}${output.unit && ` (${visible(output.unit)})`}</td><${Cells} point=${output.points[0]} first=${first} second=${second} most=${widest(output)} known=${known} /></tr>`)}</tbody></table></div>`;
}

const widest = (output) => Math.max(...output.points.flatMap((point) => [point.difference, point.low ?? 0, point.high ?? 0].map(Math.abs)));
const measured = (first, second, known = true) => html`<th scope="col" class="n">${first}</th><th scope="col" class="n">${second}</th><th scope="col" class="n">Difference</th>${known && html`<th scope="col">95 % interval</th><th scope="col"><span class="unseen">Picture</span></th>`}<th scope="col" class="n">n</th>`;

function Cells({ point, first, second, most, known = true }) {
  return html`<td class="n" data-name=${first} title=${String(point.first)}>${numberText(point.first)}</td><td class="n" data-name=${second} title=${String(point.second)}>${numberText(point.second)}</td>
      <td class="n" data-name="Difference" title=${String(point.difference)}>${isSure(point) ? html`<b>${signed(point.difference)}</b>` : signed(point.difference)}</td>
      ${known && html`<td data-name="95 % interval">${point.low === null ? html`<span class="quiet">unknown</span>` : `${signed(point.low)} … ${signed(point.high)}`}</td>
      <td><${Mark} point=${point} most=${most} /></td>`}<td class="n" data-name="n">${number(point.n)}</td>`;
}

function Mark({ point, most }) {
  const { zero, at, low, high } = places(point, most);
  return html`<svg class=${`interval ${isSure(point) ? 'sure' : ''}`} viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} width=${WIDTH} height=${HEIGHT} aria-hidden="true">
    <line class="zero" x1=${zero} x2=${zero} y1="1" y2=${HEIGHT - 1} />${low !== null && html`<line x1=${low} x2=${high} y1=${HEIGHT / 2} y2=${HEIGHT / 2} /><line x1=${low} x2=${low} y1="6" y2="14" /><line x1=${high} x2=${high} y1="6" y2="14" />`}
    <circle cx=${at} cy=${HEIGHT / 2} r="4" /></svg>`;
}
