// Rows of runs: the same on every page.
import { href, html, runPath } from './core.js';
import { Time, Took, number, visible } from './parts.js';
import { StackedBar, State } from './states.js';

export const title = (run) => run.name || (run.kind === 'child' ? run.label : '') || `${run.workflow.id} ${run.id.slice(-6)}`;

export const ended = (run) => !['scheduled', 'running'].includes(run.state);

/** @param {{runs: any[], caption: string, chosen?: Set<string>, choose?: (id: string) => void}} props */
export function RunsTable({ runs, caption, chosen, choose }) {
  return html`<div class="scroll"><table class="rows">
    <caption class="unseen">${caption}</caption>
    <thead><tr>
      ${choose && html`<th scope="col"><span class="unseen">Selected</span></th>`}
      <th scope="col">State</th><th scope="col">Run</th><th scope="col">Progress</th><th scope="col">Workflow</th>
      <th scope="col">Owner</th><th scope="col">Created</th><th scope="col">Took</th>
    </tr></thead>
    <tbody>${runs.map((run) => html`<${Row} key=${run.id} run=${run} chosen=${chosen?.has(run.id)} choose=${choose} />`)}</tbody>
  </table></div>`;
}

function Row({ run, chosen, choose }) {
  return html`<tr class=${chosen ? 'chosen' : ''}>
    ${choose && html`<td><input type="checkbox" checked=${chosen} aria-label=${`Select ${title(run)}`} onChange=${() => choose(run.id)} /></td>`}
    <td data-name="State"><${State} of=${run.state} /></td>
    <td class="what"><a class="row" href=${href(runPath(run.id))}>${visible(title(run))}</a>
      ${run.tags.map((tag) => html` <span class="tag">${visible(tag)}</span>`)}</td>
    <td data-name="Progress"><${Progress} run=${run} /></td>
    <td data-name="Workflow">${visible(run.workflow.id)}</td>
    <td data-name="Owner">${visible(run.owner.name)}</td>
    <td data-name="Created"><${Time} at=${run.created_at} /></td>
    <td data-name="Took"><${Took} from=${run.started_at} to=${run.ended_at} /></td>
  </tr>`;
}

/** How far a run is: of children where it has some, else of nodes. */
export function Progress({ run }) {
  const counts = run.children?.by_state ?? run.nodes_by_state ?? {};
  const total = run.children?.total ?? Object.values(counts).reduce((a, b) => a + b, 0);
  return html`<span class="progress"><${StackedBar} counts=${counts} label=${run.children ? 'Children' : 'Nodes'} />
    <span class="quiet">${number(total)} ${run.children ? 'children' : total === 1 ? 'node' : 'nodes'}${ended(run) ? '' : `, ${Math.floor(run.progress * 100)} %`}</span></span>`;
}
