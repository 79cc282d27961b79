// When the nodes of a run ran, and where: a lane for each slot of an agent, a bar for each node.
import { html } from '../core.js';
import { duration, visible } from '../parts.js';
import { GLYPHS } from '../states.js';
import { short } from './scales.js';

const WIDTH = 960;
const LEFT = 110;
const RIGHT = 34;
const LANE = 26;
const TOP = 8;
const BOTTOM = 34;
const STEPS = [1, 2, 5];

/** Lanes that no two bars of overlap, agent by agent: {agent, bars: [{node, from, to}]}; times are milliseconds. */
export function lanesOf(nodes, now) {
  const bars = nodes.filter((node) => node.started_at && !node.cached)
    .map((node) => ({ node, from: Date.parse(node.started_at), to: Math.max(Date.parse(node.started_at), node.ended_at ? Date.parse(node.ended_at) : now) }))
    .sort((a, b) => a.from - b.from || a.to - b.to);
  const lanes = [];
  for (const bar of bars) {
    const agent = bar.node.agent ?? '';
    let lane = lanes.find((each) => each.agent === agent && each.bars[each.bars.length - 1].to <= bar.from);
    if (!lane) lanes.push(lane = { agent, bars: [] });
    lane.bars.push(bar);
  }
  return lanes.sort((a, b) => a.agent.localeCompare(b.agent) || a.bars[0].from - b.bars[0].from);
}

/** Seconds at which an axis of a length is marked: at most *most*, in steps that people count in. */
export function marks(seconds, most = 8) {
  if (!(seconds > 0)) return [0];
  const large = [10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];
  const power = 10 ** Math.floor(Math.log10(seconds / most));
  const step = (seconds / most >= 5 ? large.find((each) => each >= seconds / most) : null) ?? STEPS.concat(10).map((each) => each * power).find((each) => each >= seconds / most) ?? seconds;
  return Array.from({ length: Math.floor(seconds / step + 1e-9) + 1 }, (_, at) => at * step);
}

/** @param {{nodes: any[], to: (name: string) => string, label: string}} props */
export function Timeline({ nodes, to, label }) {
  const lanes = lanesOf(nodes, Date.now());
  if (!lanes.length) return html`<p class="quiet">No node has run here: all were taken from the memo, or none has begun.</p>`;
  const bars = lanes.flatMap((lane) => lane.bars);
  const [first, last] = [Math.min(...bars.map((bar) => bar.from)), Math.max(...bars.map((bar) => bar.to))];
  const span = Math.max(1, last - first);
  const place = (at) => LEFT + ((at - first) / span) * (WIDTH - LEFT - RIGHT);
  const height = TOP + lanes.length * LANE + BOTTOM;
  const under = height - BOTTOM;
  return html`<svg viewBox=${`0 0 ${WIDTH} ${height}`} class="chart timeline" role="group" aria-label=${label}>
    <g class="grid">${marks(span / 1000).map((seconds) => html`<line x1=${place(first + seconds * 1000)} x2=${place(first + seconds * 1000)} y1=${TOP} y2=${under + 4} /><text x=${place(first + seconds * 1000)} y=${under + 18} text-anchor="middle">${seconds ? duration(seconds) : '0'}</text>`)}</g>
    ${lanes.map((lane, row) => html`<g>
      ${(!row || lanes[row - 1].agent !== lane.agent) && html`<text class="label" x=${LEFT - 10} y=${TOP + row * LANE + LANE / 2} dy="0.35em" text-anchor="end">${visible(short(lane.agent, 15))}</text>`}
      ${lane.bars.map((bar) => html`<${Bar} bar=${bar} x=${place(bar.from)} width=${Math.max(2, place(bar.to) - place(bar.from))} y=${TOP + row * LANE + 3} to=${to} />`)}</g>`)}
  </svg>`;
}

function Bar({ bar, x, width, y, to }) {
  const { node } = bar;
  const said = `${node.name}, ${node.state}, ${duration((bar.to - bar.from) / 1000)}${node.agent ? ` on ${node.agent}` : ''}`;
  const room = Math.floor((width - 10) / 7);
  return html`<a href=${to(node.name)} aria-label=${visible(said)}><rect class=${`bar-of ${node.state}`} x=${x} y=${y} width=${width} height=${LANE - 6} rx="3"><title>${visible(said)}</title></rect>
    ${room > 2 && html`<text class="inside" x=${x + 6} y=${y + (LANE - 6) / 2} dy="0.35em">${GLYPHS[node.state] ?? ''} ${visible(short(node.name, room - 2))}</text>`}</a>`;
}
