// The graph of a workflow, from left to right: nodes with their states, edges from what they take to where it comes from.
// Its places come from the server (accio_client/graph_layout.py).
import { html, useState } from '../core.js';
import { duration, visible } from '../parts.js';
import { GLYPHS } from '../states.js';
import { short } from './scales.js';

const MARGIN = 10;
const MOST_NODES = 300;
const [SMALLEST, LARGEST] = [0.25, 4];

/** What the graph of a run shows, as a table: a row for each node. */
export function graphRows(nodes, layout) {
  const sources = (name) => layout.edges.filter((edge) => edge.to === name).map((edge) => edge.from).sort().join(' ');
  return [['node', 'operator', 'state', 'cached', 'takes from'], ...nodes.map((node) => [node.name, node.operator, node.state, node.cached, sources(node.name)])];
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
 * @param {{layout: any, label: string, operators: Record<string, string>, states?: Record<string, any>, to?: (name: string) => string}} props
 *   states: by node, {state, cached, started_at, ended_at}; to: where a node leads
 */
export function Graph({ layout, label, operators, states = {}, to }) {
  const { width, height, node, nodes, edges } = layout;
  const [scale, zoom] = useState(1);
  if (nodes.length > MOST_NODES) return html`<p class="quiet">${nodes.length.toLocaleString('en')} nodes are too many for a picture; the table has all of them.</p>`;
  const box = { width: width + 2 * MARGIN, height: height + 2 * MARGIN };
  return html`<span class="zoom" role="group" aria-label="Size of the graph">${[['Smaller', '−', 0.8], ['Larger', '+', 1.25]].map(([name, sign, factor]) => html`<button class="quiet" type="button" aria-label=${name} title=${name}
      onClick=${() => zoom(Math.min(LARGEST, Math.max(SMALLEST, scale * Number(factor))))}>${sign}</button>`)}</span>
    <div class="scroll graph" tabindex="0" role="region" aria-label=${label}><svg viewBox=${`${-MARGIN} ${-MARGIN} ${box.width} ${box.height}`} width=${box.width * scale} height=${box.height * scale} role="group" aria-label=${label}>
    <defs><marker id="arrow" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="6" markerHeight="6" orient="auto"><path d="M0 0 L6 3 L0 6 z" class="head" /></marker></defs>
    <g class="edges" aria-hidden="true">${edges.map((edge) => html`<path d=${wayOf(edge.points, node)} marker-end="url(#arrow)"><title>${visible(`${edge.from} → ${edge.to}`)}</title></path>`)}</g>
    ${nodes.map((each) => html`<${Node} each=${each} size=${node} operator=${operators[each.name] ?? each.name} found=${states[each.name]} to=${to} />`)}
  </svg></div>`;
}

function Node({ each, size, operator, found, to }) {
  const state = found?.state ?? '';
  const took = found?.started_at && found?.ended_at ? duration((Date.parse(found.ended_at) - Date.parse(found.started_at)) / 1000) : '';
  const below = [operator === each.name ? '' : operator, found?.cached ? 'cached' : took].filter(Boolean).join(', ');
  const said = [each.name, operator === each.name ? '' : `operator ${operator}`, state, found?.cached ? 'cached' : took].filter(Boolean).join(', ');
  const [left, top] = [each.x - size.width / 2, each.y - size.height / 2];
  const content = html`<rect x=${left} y=${top} width=${size.width} height=${size.height} rx="7" class=${`node ${state}`}><title>${visible(said)}</title></rect>
    <text x=${left + 10} y=${each.y} dy=${below ? '-0.15em' : '0.35em'} class="name">${state && html`<tspan class=${`glyph ${state}`}>${GLYPHS[state] ?? '·'} </tspan>`}${visible(short(each.name, 15))}</text>
    ${below && html`<text x=${left + 10} y=${each.y} dy="1.15em" class="below">${visible(short(below, 21))}</text>`}`;
  return to ? html`<a href=${to(each.name)} aria-label=${visible(said)}>${content}</a>` : html`<g aria-label=${visible(said)} role="img">${content}</g>`;
}
