// Lines over an axis: means with their intervals, and distributions.
import { html } from '../core.js';
import { visible } from '../parts.js';
import { Frame, INNER, NARROW, axisLabel } from './frame.js';
import { axisOf, bounds, numberText, someTicks } from './scales.js';

const DASHES = ['', '7 4', '2 3', '9 3 2 3', '12 5', '4 2', '1 4', '10 3 2 3 2 3'];
const MOST_MARKS = 60;
const MOST_TICKS = NARROW ? 4 : 6;

/** Where everything is drawn: axes, and per series its line, its band and its points. */
export function layout(picture) {
  const { series, x: xAxis } = picture;
  const all = series.flatMap((each) => each.x);
  const categories = xAxis.scale === 'categories';
  const [low, high] = categories ? [-0.5, Math.max(0.5, all.length ? Math.max(...bounds(all)) + 0.5 : 0.5)] : bounds(all);
  const tried = picture.head.kind === 'line' && !categories && xAxis.values?.length && xAxis.values.length <= MOST_TICKS + 2
    ? xAxis.values.map((value, at) => [value, xAxis.ticks[at]]) : null;
  const x = axisOf({ scale: xAxis.scale, low, high, from: INNER.from + 8, to: INNER.to - 8, most: NARROW ? 5 : 6, ticks: categories ? someTicks(xAxis.ticks, MOST_TICKS + 2) : tried });
  const y = yAxisOf(picture);
  const cumulated = picture.head.kind === 'cdf';
  return { x, y, series: series.map((each, at) => drawn(each, at, x, y, cumulated)) };
}

function yAxisOf({ series, head }) {
  const values = series.flatMap((each) => [...each.y, ...(each.low ?? []), ...(each.high ?? [])]);
  let [low, high] = head.kind === 'cdf' ? [0, 1] : bounds(values);
  if (head.kind === 'pdf' || (low > 0 && low < high * 0.3)) low = 0;
  if (low === high) [low, high] = [low - (Math.abs(low) || 1) * 0.1, high + (Math.abs(high) || 1) * 0.1];
  return axisOf({ scale: 'linear', low, high, from: INNER.bottom, to: INNER.top });
}

const point = (x, y) => `${x.toFixed(1)} ${y.toFixed(1)}`;

function drawn(series, at, x, y, cumulated) {
  const points = series.x.map((value, i) => ({ x: x.place(value), value, mean: series.y[i], low: series.low?.[i] ?? null, high: series.high?.[i] ?? null, n: series.n?.[i] ?? null }))
    .filter((each) => each.mean !== null);
  let line = '';
  points.forEach((each, i) => {
    const there = point(each.x, y.place(each.mean));
    if (i && cumulated) line += ` L${point(each.x, y.place(points[i - 1].mean))}`;
    line += `${i ? ' L' : 'M'}${there}`;
  });
  const banded = points.filter((each) => each.low !== null && each.high !== null);
  const band = banded.length > 1
    ? `M${banded.map((each) => point(each.x, y.place(each.high))).join(' L')} L${banded.slice().reverse().map((each) => point(each.x, y.place(each.low))).join(' L')} Z` : '';
  return { name: series.name, at, line, band, dash: DASHES[at % DASHES.length], points };
}

export function LinesPicture({ picture }) {
  const { x, y, series } = layout(picture);
  const marks = picture.head.kind === 'line';
  return html`<${Frame} x=${x} y=${y} xLabel=${axisLabel(picture.x)} yLabel=${axisLabel(picture.y)} label=${picture.head.title}>
    ${series.map((each) => html`<path class=${`band s${each.at}`} d=${each.band} />`)}
    ${series.map((each) => html`<path class=${`line s${each.at}`} d=${each.line} stroke-dasharray=${each.dash} />`)}
    ${marks && series.map((each) => each.points.length <= MOST_MARKS && each.points.map((one) => html`<g class=${`mark s${each.at}`}>
      ${one.low !== null && html`<line x1=${one.x} x2=${one.x} y1=${y.place(one.low)} y2=${y.place(one.high)} />`}
      <circle cx=${one.x} cy=${y.place(one.mean)} r="3.5"><title>${said(picture, each, one)}</title></circle></g>`))}
  <//>
  ${series.length > 1 && html`<ul class="legend" aria-label=${picture.series_name || 'runs'}>${series.map((each) => html`<li><svg width="30" height="10" aria-hidden="true"><path class=${`line s${each.at}`} d="M1 5 L29 5" stroke-dasharray=${each.dash} /></svg> <span title=${visible(seriesName(picture, each))}>${visible(shortened(seriesName(picture, each)))}</span></li>`)}</ul>`}`;
}

/** "epsilon=0.1"; a child has its own values: "child: x=1 y=2"; a run that is compared has a name alone. */
export const seriesName = (picture, series) => (picture.series_name ? `${picture.series_name}${series.name.includes('=') ? ': ' : '='}${series.name}` : series.name);

/** Without digits that nobody reads: those of numbers that were drawn. */
export const shortened = (name) => name.replace(/\d\.\d{5,}(e[+-]?\d+)?|\d+\.\d{5,}/g, (digits) => numberText(Number(digits)));

function said(picture, series, one) {
  const named = series.name ? `${seriesName(picture, series)}, ` : '';
  const band = one.low === null ? '' : ` (${numberText(one.low)} … ${numberText(one.high)})`;
  return visible(`${named}${picture.x.name}=${typeof one.value === 'number' ? numberText(one.value) : one.value}: ${numberText(one.mean)}${band}${one.n === null ? '' : `, n=${one.n}`}`);
}
