// How far each node of a sweep's graph is, over all its children.
import { href, html, nodePath, runPath, useData, useRef } from './core.js';
import { Command, Loaded, duration, number, visible } from './parts.js';
import { Graph, sweepRows } from './pictures/graph.js';
import { SaveButtons } from './pictures/save_buttons.js';
import { Counts, StackedBar } from './states.js';

/** The graph with the states of the nodes over the children, of a sweep's own nodes with theirs, and the same as a table. */
export function SweepNodes({ run, serial }) {
  const found = useData(`${runPath(run.id)}/counts`, {}, serial);
  const workflow = useData(`/workflows/${encodeURIComponent(`${run.workflow.id}:${run.workflow.version}`)}`);
  return html`<${Loaded} of=${found}>${(counted) => html`
    <p class="quiet">${number(counted.counted)} of ${number(counted.children)} children${counted.counted < counted.children ? ', which lie evenly over the sweep' : ''}</p>
    ${workflow.data && html`<${Drawn} run=${run} nodes=${counted.nodes} layout=${workflow.data.layout} />`}
    <div class="scroll"><table class="rows"><caption class="unseen">Nodes over the children</caption>
    <thead><tr><th scope="col">Node</th><th scope="col">Operator</th><th scope="col">States</th><th scope="col" class="n">Cached</th><th scope="col">Takes</th></tr></thead>
    <tbody>${counted.nodes.map((node) => html`<tr key=${node.name}>
      <td class="what">${visible(node.name)}</td><td data-name="Operator">${visible(node.operator)}</td>
      <td data-name="States"><${StackedBar} counts=${node.counts} label=${`${visible(node.name)} by state`} /><${Counts} counts=${node.counts} /></td>
      <td data-name="Cached" class="n">${number(node.cached)}</td>
      <td data-name="Takes">${node.median_s === null ? '–' : html`<span title=${`the median of ${number(node.measured)} executions`}>${duration(node.median_s)}</span>`}</td></tr>`)}</tbody></table></div>`}<//>`;
}

function Drawn({ run, nodes, layout }) {
  const figure = useRef(null);
  const own = run.nodes ?? [];
  const all = [...nodes, ...own];
  if (all.length < 2) return null; // the table says it
  const to = (name) => href(nodePath(own.some((node) => node.name === name) ? run.id : `${run.id}.0`, name));
  return html`<div ref=${figure}><${Graph} layout=${layout} label="Graph of the nodes" to=${to}
      operators=${Object.fromEntries(all.map((node) => [node.name, node.operator]))} states=${Object.fromEntries(all.map((node) => [node.name, node]))} />
    <p class="tools"><${SaveButtons} figure=${figure} name="graph" table=${() => sweepRows(all, layout)} /></p><${Command} text=${`accio plot ${run.id} -kind=graph`} /></div>`;
}
