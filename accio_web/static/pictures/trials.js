// The trials of a study: what each gave, the best so far, and which have no value.
import { href, html, runPath } from '../core.js';
import { number } from '../parts.js';
import { Frame, INNER, NARROW, axisLabel } from './frame.js';
import { axisOf, bounds, numberText } from './scales.js';

const AS_CIRCLES = 2000;
const MARGIN = 0.05;
const WITHOUT = { pruned: 'ended early', failed: 'without a value' };

/** Where everything is drawn: axes, points, the line of the best so far, and the places of trials without a value. */
export function layout(picture) {
  const last = Math.max(1, ...picture.trials.slice(-1));
  const x = axisOf({ scale: 'linear', low: 0, high: last, from: INNER.from + 8, to: INNER.to - 8, most: NARROW ? 4 : 6 });
  x.ticks = x.ticks.filter(([value]) => Number.isInteger(value));
  let [low, high] = bounds(picture.values);
  const isLog = picture.y.scale === 'log';
  const room = (high - low || Math.abs(low) || 1) * MARGIN;
  if (!isLog) [low, high] = [low - room, high + room];
  const y = axisOf({ scale: picture.y.scale, low, high, from: INNER.bottom - 14, to: INNER.top });
  const all = picture.trials.map((trial, i) => ({
    trial, x: x.place(trial), y: picture.values[i] === null ? null : y.place(picture.values[i]), value: picture.values[i], outcome: picture.outcomes[i],
    improved: picture.improved[i], child: picture.children[i], best: picture.best[i],
  }));
  let line = '';
  for (const each of all.filter((one) => one.best !== null)) {
    line += line ? ` H${each.x.toFixed(1)} V${y.place(each.best).toFixed(1)}` : `M${each.x.toFixed(1)} ${y.place(each.best).toFixed(1)}`;
  }
  return { x, y, line, points: all.filter((each) => each.y !== null), without: all.filter((each) => each.outcome in WITHOUT) };
}

const said = (picture, each) => `trial ${each.trial}: ${picture.y.name} = ${numberText(each.value)}${picture.y.unit && ` ${picture.y.unit}`}`;

export function TrialsPicture({ picture, run }) {
  const { x, y, line, points, without } = layout(picture);
  const plain = points.filter((each) => !each.improved);
  const better = points.filter((each) => each.improved);
  const known = new Set(without.map((each) => each.outcome));
  return html`<${Frame} x=${x} y=${y} xLabel=${axisLabel(picture.x)} yLabel=${axisLabel(picture.y)} label=${picture.head.title} links=${true}>
    ${plain.length > AS_CIRCLES ? html`<path class="dots" d=${plain.map((each) => `M${each.x.toFixed(1)} ${each.y.toFixed(1)}h0`).join('')} />`
      : plain.map((each) => html`<circle class="dot" cx=${each.x.toFixed(1)} cy=${each.y.toFixed(1)} r="3"><title>${said(picture, each)}</title></circle>`)}
    <path class="line s1" d=${line} />
    ${without.map((each) => html`<path class=${`without ${each.outcome}`} d=${mark(each.outcome, each.x, INNER.bottom - 6)} />`)}
    ${better.map((each) => html`<a href=${href(runPath(`${run}.${each.child}`))} aria-label=${`${said(picture, each)}, better than all before`}><circle class="best" cx=${each.x.toFixed(1)} cy=${each.y.toFixed(1)} r="4.5" /><title>${said(picture, each)}, better than all before</title></a>`)}
  <//>
  <ul class="legend" aria-label="Signs"><li><span class="dot-key" aria-hidden="true">●</span> a trial</li>
    <li><span class="best-key" aria-hidden="true">●</span> better than all before, with the line of the best so far${better.length > 0 && `: ${numberText(better.at(-1).value)}${picture.y.unit && ` ${picture.y.unit}`} at trial ${number(better.at(-1).trial)}`}</li>
    ${Object.keys(WITHOUT).filter((each) => known.has(each)).map((each) => html`<li><svg width="12" height="12" aria-hidden="true"><path class=${`without ${each}`} d=${mark(each, 6, 6)} /></svg> ${WITHOUT[each]}</li>`)}</ul>`;
}

/** A stroke for what was ended early, a cross for what has no value. */
const mark = (outcome, x, y) => (outcome === 'pruned' ? `M${x.toFixed(1)} ${y - 5}v10` : `M${(x - 4).toFixed(1)} ${y - 4}l8 8m0 -8l-8 8`);
