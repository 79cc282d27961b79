// When the nodes of a run ran, and where: a lane for each slot of an agent, a bar for each node.
import { html, now, useState } from '../core.js';
import { duration, visible } from '../parts.js';
import { GLYPHS } from '../states.js';
import { NARROW } from './frame.js';
import { short } from './scales.js';
import { WHOLE, ZoomButtons, stepOf, stepped } from './zoom.js';

const WIDTH = NARROW ? 640 : 960; // as many as are shown at least: texts are never smaller than elsewhere
const LEFT = 110;
const RIGHT = 34;
const LANE = 26;
const TOP = 8;
const BOTTOM = 34;
const STEPS = [1, 2, 5];
const LEAST_LETTERS = 6; // of a bar's room: less of a name says nothing
const COLOURS = 7; // the eighth is grey

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

/** What a timeline draws, as a table: a row for each bar. */
export function laneRows(nodes, now) {
  const time = (at) => new Date(at).toISOString();
  return [['run', 'node', 'agent', 'lane', 'state', 'began', 'ended', 'seconds'],
    ...lanesOf(nodes, now).flatMap((lane, at) => lane.bars.map(({ node, from, to }) => [node.run ?? '', node.name, lane.agent, at + 1, node.state, time(from), node.ended_at ? time(to) : '', (to - from) / 1000]))];
}

/** Seconds at which an axis of a length is marked: at most *most*, in steps that people count in. */
export function marks(seconds, most = 8) {
  if (!(seconds > 0)) return [0];
  const large = [10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];
  const power = 10 ** Math.floor(Math.log10(seconds / most));
  const step = (seconds / most >= 5 ? large.find((each) => each >= seconds / most) : null) ?? STEPS.concat(10).map((each) => each * power).find((each) => each >= seconds / most) ?? seconds;
  return Array.from({ length: Math.floor(seconds / step + 1e-9) + 1 }, (_, at) => at * step);
}

/** @param {{nodes: any[], to: (node: any) => string | null, label: string}} props */
export function Timeline({ nodes, to, label }) {
  const lanes = lanesOf(nodes, now());
  const [view, look] = useState(WHOLE);
  if (!lanes.length) return html`<p class="quiet">No node has run here: all were taken from the memo, or none has begun.</p>`;
  const bars = lanes.flatMap((lane) => lane.bars);
  const operators = operatorsOf(bars);
  const [begin, end] = [bars.reduce((least, bar) => Math.min(least, bar.from), Infinity), bars.reduce((most, bar) => Math.max(most, bar.to), -Infinity)];
  const span = Math.max(1, end - begin) * (view.to - view.from);
  const first = begin + Math.max(1, end - begin) * view.from;
  const place = (at) => LEFT + (Math.min(1, Math.max(0, (at - first) / span))) * (WIDTH - LEFT - RIGHT);
  const seen = (bar) => bar.to >= first && bar.from <= first + span;
  const since = (first - begin) / 1000; // marks tell the time since the first node began
  const ticks = marks(span / 1000).map((seconds) => ({ at: place(first + seconds * 1000), text: seconds || since ? duration(since + seconds) : '0' }));
  const key = (event) => {
    if (toBar(event)) return;
    const step = stepOf(event);
    if (!step || event.target !== event.currentTarget) return;
    event.preventDefault();
    look(stepped(view, step));
  };
  const height = TOP + lanes.length * LANE + BOTTOM;
  const under = height - BOTTOM;
  return html`<${ZoomButtons} view=${view} look=${look} /><div class="scroll" tabindex="0" role="region" aria-label=${`${label}: + and − show less and more, arrows move, n and p go to the next and the previous bar`} onKeyDown=${key}><svg viewBox=${`0 0 ${WIDTH} ${height}`} class="chart timeline" role="group" aria-label=${label}>
    <g class="grid">${ticks.map((tick) => html`<line x1=${tick.at} x2=${tick.at} y1=${TOP} y2=${under + 4} /><text x=${tick.at} y=${under + 18} text-anchor="middle">${tick.text}</text>`)}</g>
    ${lanes.map((lane, row) => html`<g>
      ${(!row || lanes[row - 1].agent !== lane.agent) && html`<text class="label" x=${LEFT - 10} y=${TOP + row * LANE + LANE / 2} dy="0.35em" text-anchor="end">${visible(short(lane.agent, 15))}</text>`}
      ${lane.bars.filter(seen).map((bar) => html`<${Bar} bar=${bar} x=${place(bar.from)} width=${Math.max(2, place(bar.to) - place(bar.from))} y=${TOP + row * LANE + 3} to=${to} colour=${operators.indexOf(bar.node.operator ?? '')} />`)}</g>`)}
  </svg></div>${operators.length > 1 && html`<ul class="legend operators" aria-label="Operators by colour">${operators.slice(0, COLOURS).map((name, at) => html`<li><span class=${`letter s${at}`} aria-hidden="true"></span> ${visible(name || 'another’s')}</li>`)}${operators.length > COLOURS && html`<li class="quiet">and ${operators.length - COLOURS} more, in grey</li>`}</ul>`}`;
}

/** Goes from bar to bar by the keys n and p, and back to all of them by Esc: whoever tabs along meets the lanes once, not each bar. */
function toBar(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !['n', 'p', 'Escape'].includes(event.key)) return false;
  const bars = [...event.currentTarget.querySelectorAll('a')];
  const at = bars.indexOf(event.target) + (event.key === 'p' ? -1 : 1);
  const next = event.key === 'Escape' ? event.currentTarget : bars[Math.min(bars.length - 1, Math.max(0, at))];
  next?.focus();
  event.preventDefault();
  return true;
}

/** The operators of bars, those that took most of the time first: each has a colour of its own, as long as there are some. */
export function operatorsOf(bars) {
  const took = new Map();
  for (const { node, from, to } of bars) took.set(node.operator ?? '', (took.get(node.operator ?? '') ?? 0) + to - from);
  return [...took].sort(([a, x], [b, y]) => y - x || a.localeCompare(b)).map(([name]) => name);
}

const HAIR = 6; // units: what is narrower has the colour of its operator only if its edges aren't smoothed

function Bar({ bar, x, width, y, to, colour }) {
  const { node } = bar;
  const said = `${node.name}, ${node.state}, ${duration((bar.to - bar.from) / 1000)}${node.agent ? ` on ${node.agent}` : ''}`;
  const room = Math.floor((width - 10) / 7);
  const target = to(node);
  const content = html`<rect class=${`bar-of ${node.state} ${colour >= 0 && colour < COLOURS ? `s${colour}` : 'other'}`} x=${x} y=${y} width=${width} height=${LANE - 6} rx=${width < HAIR ? 0 : 3} shape-rendering=${width < HAIR ? 'crispEdges' : undefined}><title>${visible(said)}</title></rect>
    ${room > 2 && html`<text class="inside" x=${x + 6} y=${y + (LANE - 6) / 2} dy="0.35em">${GLYPHS[node.state] ?? ''} ${room > LEAST_LETTERS && visible(short(node.name, room - 2))}</text>`}`;
  return target ? html`<a href=${target} tabindex="-1" aria-label=${visible(said)}>${content}</a>` : html`<g role="img" aria-label=${visible(said)}>${content}</g>`;
}
