// Children over two results, as points; of very many, how dense they are.
import { href, html, runPath } from '../core.js';
import { visible } from '../parts.js';
import { Frame, INNER, NARROW, axisLabel } from './frame.js';
import { axisOf, cividis } from './scales.js';

const MARGIN = 0.04;
const AS_LINKS = 2000;

function axis(of, from, to, most = 6) {
  const [low, high] = of.values[0] === null ? [0, 1] : of.values;
  const margin = (high - low || Math.abs(low) || 1) * MARGIN;
  return axisOf({ scale: 'linear', low: low - margin, high: high + margin, from, to, most });
}

/** Where points are: {x, y, child, best}. */
export function layout(picture) {
  const [x, y] = [axis(picture.x, INNER.from, INNER.to, NARROW ? 4 : 6), axis(picture.y, INNER.bottom, INNER.top)];
  return { x, y, points: picture.xs.map((value, i) => ({ x: x.place(value), y: y.place(picture.ys[i]), child: picture.children[i], best: picture.best[i] })) };
}

/** What is better: the same along both axes, or by result. */
export function better({ x, y, directions: [alongX, alongY] }) {
  if (alongX === alongY) return `${alongX === 'minimize' ? 'smaller' : 'larger'} is better`;
  return `${alongX} ${x.name}, ${alongY} ${y.name}`;
}

export function CloudPicture({ picture, run }) {
  const { x, y, points } = layout(picture);
  const dots = (some, name) => some.map((each) => html`<circle class=${name} cx=${each.x.toFixed(1)} cy=${each.y.toFixed(1)} r=${name === 'best' ? 4.5 : 3} />`);
  const best = points.filter((each) => each.best);
  const what = picture.head.counted.what === 'trials' ? 'trial of child' : 'child';
  return html`<${Frame} x=${x} y=${y} xLabel=${axisLabel(picture.x)} yLabel=${axisLabel(picture.y)} label=${picture.head.title} links=${true}>
    ${picture.density ? html`<${Density} picture=${picture} x=${x} y=${y} />` : points.length > AS_LINKS
      ? html`<path class="dots" d=${points.filter((each) => !each.best).map((each) => `M${each.x.toFixed(1)} ${each.y.toFixed(1)}h0`).join('')} />`
      : dots(points.filter((each) => !each.best), 'dot')}
    ${best.map((each) => html`<a href=${href(runPath(`${run}.${each.child}`))} aria-label=${`${what} ${each.child}, not beaten in both`}>${dots([each], 'best')}</a>`)}
  <//><p class="readout"><span class="best-key" aria-hidden="true">●</span> not beaten in both (${visible(better(picture))})</p>`;
}

function Density({ picture, x, y }) {
  const rows = picture.density.length;
  const most = Math.max(1, ...picture.density.map((row) => Math.max(...row)));
  const [[x0, x1], [y0, y1]] = [picture.x.values, picture.y.values];
  const found = [];
  picture.density.forEach((row, r) => row.forEach((n, c) => {
    if (!n) return;
    const [left, right] = [x.place(x0 + ((x1 - x0) * c) / rows), x.place(x0 + ((x1 - x0) * (c + 1)) / rows)];
    const [low, high] = [y.place(y0 + ((y1 - y0) * r) / rows), y.place(y0 + ((y1 - y0) * (r + 1)) / rows)];
    found.push(html`<rect x=${left} y=${high} width=${right - left} height=${low - high} fill=${`rgb(${cividis(Math.log1p(n) / Math.log1p(most)).join(' ')})`} />`);
  }));
  return found;
}
