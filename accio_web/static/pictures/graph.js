// The graph of a workflow, from left to right: nodes with their states, edges from what they take to where it comes from.
// Its places come from the server (accio_client/graph_layout.py).
import { html, useState } from '../core.js';
import { duration, visible } from '../parts.js';
import { GLYPHS, sum } from '../states.js';
import { short } from './scales.js';

const MARGIN = 10;
const INSET = 8; // from the border of a node to its bar of states
const STATES = ['success', 'running', 'queued', 'waiting', 'failed', 'killed', 'lost', 'cancelled'];
/** What catches the eye of a node that is in several states. */
const STRIKING = ['failed', 'lost', 'running', 'killed', 'queued', 'waiting', 'cancelled', 'success'];
const TOLD = ['failed', 'lost', 'killed', 'running', 'queued', 'cancelled'];
const MOST_NODES = 300;
const MOST_LETTERS = 19; // of a node's name: smaller ones couldn't be read
const [SMALLEST, LARGEST] = [0.25, 4];

const sources = (layout, name) => layout.edges.filter((edge) => edge.to === name).map((edge) => edge.from).sort().join(' ');

/** What the graph of a run shows, as a table: a row for each node. */
export function graphRows(nodes, layout) {
  return [['node', 'operator', 'state', 'cached', 'takes from'], ...nodes.map((node) => [node.name, node.operator, node.state, node.cached, sources(layout, node.name)])];
}

/** What the graph of a sweep shows, as a table: in how many children each node is in which state. */
export function sweepRows(nodes, layout) {
  return [['node', 'operator', ...STATES, 'cached', 'median_s', 'takes from'],
    ...nodes.map((node) => [node.name, node.operator, ...STATES.map((state) => (node.counts ?? { [node.state]: 1 })[state] ?? 0), Number(node.cached), node.median_s?.toFixed(6) ?? '', sources(layout, node.name)])];
}

/** In how many children a node has succeeded, how long it took, and in what other states it is; what waits is the rest. */
export function overChildren({ counts, cached, median_s: median = null }) {
  const several = (count, what) => `${count.toLocaleString('en')} ${what}`;
  return [`${(counts.success ?? 0).toLocaleString('en')} of ${sum(counts).toLocaleString('en')}`, ...TOLD.filter((state) => counts[state]).map((state) => several(counts[state], state)), ...(median === null ? [] : [`~${duration(median)}`]), ...(cached ? [several(cached, 'cached')] : [])];
}

/** The way of an edge: curves between the corners, from a node's right side to another's left. */
export function wayOf(points, node) {
  const ends = points.map(([x, y], at) => [x + (at === 0 ? node.width / 2 : at === points.length - 1 ? -node.width / 2 - 5 : 0), y]);
  return ends.reduce((way, [x, y], at) => {
    if (!at) return `M${x} ${y}`;
    const [fromX, fromY] = ends[at - 1];
    const middle = (fromX + x) / 2;
    return `${way} C${middle} ${fromY} ${middle} ${y} ${x} ${y}`;
  }, '');
}

/**
 * @param {{layout: any, label: string, operators: Record<string, string>, states?: Record<string, any>, glyphs?: Record<string, string>, to?: (name: string) => string}} props
 *   states: by node, {state, cached, started_at, ended_at}, or of a sweep {counts, cached}, or between two versions
 *   {state: what became of it, told}; to: where a node leads
 */
export function Graph({ layout, label, operators, states = {}, glyphs = GLYPHS, to }) {
  const { width, height, node, nodes, edges } = layout;
  const [scale, zoom] = useState(1);
  if (nodes.length > MOST_NODES) return html`<p class="quiet">${nodes.length.toLocaleString('en')} nodes are too many for a picture; the table has all of them.</p>`;
  const box = { width: width + 2 * MARGIN, height: height + 2 * MARGIN };
  return html`<span class="zoom" role="group" aria-label="Size of the graph">${[['Smaller', '−', 0.8], ['Larger', '+', 1.25]].map(([name, sign, factor]) => html`<button class="quiet" type="button" aria-label=${name} title=${name}
      onClick=${() => zoom(Math.min(LARGEST, Math.max(SMALLEST, scale * Number(factor))))}>${sign}</button>`)}</span>
    <div class="scroll graph" tabindex="0" role="region" aria-label=${label}><svg viewBox=${`${-MARGIN} ${-MARGIN} ${box.width} ${box.height}`} width=${box.width * scale} height=${box.height * scale} role="group" aria-label=${label}>
    <defs><marker id="arrow" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="6" markerHeight="6" orient="auto"><path d="M0 0 L6 3 L0 6 z" class="head" /></marker></defs>
    <g class="edges" aria-hidden="true">${edges.map((edge) => html`<path class=${edge.change ?? ''} d=${wayOf(edge.points, node)} marker-end="url(#arrow)"><title>${visible(`${edge.from} → ${edge.to}`)}</title></path>`)}</g>
    ${nodes.map((each) => html`<${Node} each=${each} size=${node} operator=${operators[each.name] ?? each.name} found=${states[each.name]} glyphs=${glyphs} to=${to} />`)}
  </svg></div>`;
}

function Node({ each, size, operator, found, glyphs, to }) {
  const counts = found?.counts;
  const state = (counts ? STRIKING.find((one) => counts[one]) : found?.state) ?? '';
  const took = found?.started_at && found?.ended_at ? duration((Date.parse(found.ended_at) - Date.parse(found.started_at)) / 1000) : '';
  const told = counts ? overChildren(found) : [found?.told ?? (found?.cached ? 'cached' : took)];
  const below = [operator === each.name ? '' : operator, ...told.slice(0, 2)].filter(Boolean).join(', ');
  const said = [each.name, operator === each.name ? '' : `operator ${operator}`, counts ? '' : state, ...told].filter(Boolean).join(', ');
  const [left, top] = [each.x - size.width / 2, each.y - size.height / 2];
  const y = each.y - (counts ? 4 : 0); // above the bar
  const content = html`<rect x=${left} y=${top} width=${size.width} height=${size.height} rx="7" class=${`node ${state}`}><title>${visible(said)}</title></rect>
    <text x=${left + 10} y=${y} dy=${below ? '-0.15em' : '0.35em'} class="name" font-size=${nameSize(each.name, size.width - (state ? 38 : 20))}>${state && html`<tspan class=${`glyph ${state}`}>${glyphs[state] ?? '·'} </tspan>`}${visible(short(each.name, MOST_LETTERS))}</text>
    ${below && html`<text x=${left + 10} y=${y} dy="1.15em" class="below">${visible(short(below, 21))}</text>`}
    ${counts && html`<${Bar} counts=${counts} left=${left + INSET} top=${top + size.height - 8} room=${size.width - 2 * INSET} />`}`;
  return to ? html`<a href=${to(each.name)} aria-label=${visible(said)}>${content}</a>` : html`<g aria-label=${visible(said)} role="img">${content}</g>`;
}

/** How large a name is written, so that it fits into so much room. */
export const nameSize = (name, room) => Math.min(13, room / (0.56 * Math.min(name.length, MOST_LETTERS))).toFixed(1);

/** Where the parts of a bar of states begin, and how wide they are. */
export function partsOf(counts, room) {
  const total = sum(counts);
  let x = 0;
  return STATES.filter((state) => counts[state]).map((state) => {
    const part = { state, x, width: (room * counts[state]) / total };
    x += part.width;
    return part;
  });
}

function Bar({ counts, left, top, room }) {
  return html`<g class="states" aria-hidden="true">${partsOf(counts, room).map((part) => html`<rect x=${left + part.x} y=${top} width=${part.width} height="5" class=${`part ${part.state}`} />`)}</g>`;
}
