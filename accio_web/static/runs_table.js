// Rows of runs: the same on every page.
import { goQuery, href, html, runPath } from './core.js';
import { Time, Took, number, visible } from './parts.js';
import { StackedBar, State } from './states.js';

/** What a run is called; children are told apart by their values, since they share their parent's name. */
export const title = (run) => (run.kind === 'child' ? run.label : run.name) || `${run.workflow.id} ${run.id.slice(-6)}`;

export const ended = (run) => !['scheduled', 'running'].includes(run.state);

/** What a list of runs can be sorted by, by the title of its column. */
const SORTED = { State: 'state', Run: 'name', Progress: 'progress', Workflow: 'workflow', Owner: 'owner', Created: 'created', Took: 'took' };

/** The title of a column; a click sorts by it, another one the other way round. */
function Title({ title: text, column, sort }) {
  if (sort === undefined || !column) return html`<th scope="col">${text}</th>`;
  const order = sort === column ? 'ascending' : sort === `-${column}` ? 'descending' : undefined;
  return html`<th scope="col" aria-sort=${order}><button type="button" class="sort" onClick=${() => goQuery({ sort: order === 'descending' ? column : order ? '' : `-${column}`, cursor: '' })}>${text}<span aria-hidden="true">${order ? (order === 'ascending' ? ' ▲' : ' ▼') : ''}</span></button></th>`;
}

/** @param {{runs: any[], caption: string, chosen?: Set<string>, choose?: (id: string) => void, sort?: string, columns?: Record<string, string>}} props */
export function RunsTable({ runs, caption, chosen, choose, sort, columns = SORTED }) {
  return html`<div class="scroll"><table class="rows">
    <caption class="unseen">${caption}</caption>
    <thead><tr>
      ${choose && html`<th scope="col"><span class="unseen">Selected</span></th>`}
      ${Object.keys(columns).map((text) => html`<${Title} title=${text} column=${columns[text]} sort=${sort} />`)}
    </tr></thead>
    <tbody>${runs.map((run) => html`<${Row} key=${run.id} run=${run} chosen=${chosen?.has(run.id)} choose=${choose} columns=${columns} />`)}</tbody>
  </table></div>`;
}

const CELLS = {
  State: (run) => html`<td data-name="State"><${State} of=${run.state} /></td>`,
  Run: (run) => html`<td class="what"><a class="row" href=${href(runPath(run.id))}>${visible(title(run))}</a>
      ${run.kind !== 'child' && run.tags.map((tag) => html` <span class="tag">${visible(tag)}</span>`)}</td>`,
  Progress: (run) => html`<td data-name="Progress"><${Progress} run=${run} /></td>`,
  Workflow: (run) => html`<td data-name="Workflow">${visible(run.workflow.id)}</td>`,
  Owner: (run) => html`<td data-name="Owner">${visible(run.owner.name)}</td>`,
  Created: (run) => html`<td data-name="Created"><${Time} at=${run.created_at} /></td>`,
  Started: (run) => html`<td data-name="Started"><${Time} at=${run.started_at} /></td>`,
  Took: (run) => html`<td data-name="Took"><${Took} from=${run.started_at} to=${run.ended_at} /></td>`,
};

function Row({ run, chosen, choose, columns }) {
  return html`<tr class=${chosen ? 'chosen' : ''}>
    ${choose && html`<td><input type="checkbox" checked=${chosen} aria-label=${`Select ${title(run)}`} onChange=${() => choose(run.id)} /></td>`}
    ${Object.keys(columns).map((name) => CELLS[name](run))}
  </tr>`;
}

/** How far a run is: of children where it has some, else of nodes. */
export function Progress({ run }) {
  const counts = run.children?.by_state ?? run.nodes_by_state ?? {};
  const total = run.children?.total ?? Object.values(counts).reduce((a, b) => a + b, 0);
  if (!total) return html`<span class="quiet">${ended(run) ? '' : `${Math.floor(run.progress * 100)} %`}</span>`; // lists count no nodes
  return html`<span class="progress"><${StackedBar} counts=${counts} label=${run.children ? 'Children' : 'Nodes'} />
    <span class="quiet">${number(total)} ${run.children ? 'children' : total === 1 ? 'node' : 'nodes'}${ended(run) ? '' : `, ${Math.floor(run.progress * 100)} %`}</span></span>`;
}
