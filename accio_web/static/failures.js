// Which kinds of failures a sweep has, what explains them, and how to run them again.
import { href, html, nodePath, runPath, useData } from './core.js';
import { Command, Empty, Loaded, number, quoted, visible } from './parts.js';
import { Picture } from './pictures/picture.js';
import { QueryBox } from './query.js';

/** @param {{run: any, where: string, serial?: number, brief?: boolean}} props */
export function Failures({ run, where, serial, brief = false }) {
  // Millions of children needn't be looked at to say that none failed.
  if (!where && run.children && run.state === 'success') return html`<${Empty} title=${`No node of ${number(run.children.total)} children has failed`} />`;
  return html`<${Found} run=${run} where=${where} serial=${serial} brief=${brief} />`;
}

function Found({ run, where, serial, brief }) {
  const found = useData(`${runPath(run.id)}/failures`, { where, limit: brief ? 3 : 50 }, serial);
  return html`${!brief && html`<${QueryBox} where=${where} run=${run.id} label="Only children where" placeholder="epsilon<0.01" />`}
    <${Loaded} of=${found}>${(data) => html`<${Groups} data=${data} run=${run} where=${where} serial=${serial} brief=${brief} />`}<//>`;
}

function Groups({ data, run, where, serial, brief }) {
  if (!data.groups.length) return html`<${Empty} title=${`No node of ${number(data.children)} children has failed`} />`;
  const option = where ? ` ${quoted(`-where=${where}`)}` : '';
  return html`${!brief && html`<h2 class="unseen">Kinds of failures</h2>`}
    ${data.explained_by.length > 0 && html`<section aria-label="Explained by"><h3>Explained by</h3><ul>${data.explained_by.map((each) => html`<li>
      <a href=${href(runPath(run.id), { tab: 'Failures', where: each.where })}><code>${visible(each.where)}</code></a>
      ${' '}covers ${number(each.covered)} of ${number(each.failed)} failures; elsewhere ${number(each.elsewhere_failed)} of ${number(each.elsewhere)} failed</li>`)}</ul></section>`}
    <div class="scroll"><table class="rows"><caption class="unseen">Kinds of failures</caption>
      <thead><tr><th scope="col" class="n">Count</th><th scope="col">What</th><th scope="col">Nodes</th><th scope="col">Examples</th></tr></thead>
      <tbody>${data.groups.map((group) => html`<tr>
        <td class="n" data-name="Count">${number(group.count)}</td>
        <td class="what"><b class="state failed">✗ ${visible(group.cause)}</b> ${group.exception && html`<code>${visible(group.exception)}</code>`}<br />${visible(group.message)}</td>
        <td data-name="Nodes">${group.nodes.map(visible).join(', ')}</td>
        <td data-name="Examples">${group.examples.slice(0, brief ? 1 : 3).map((each) => html`<a class="row" href=${href(nodePath(each.run, each.node))}>${each.run.split('.')[1] ?? each.run}/${visible(each.node)}</a> `)}</td></tr>`)}</tbody></table></div>
    ${data.of > data.groups.length && html`<p>${number(data.groups.length)} of ${number(data.of)} kinds. ${brief && html`<a href=${href(runPath(run.id), { tab: 'Failures', where })}>All of them</a>`}</p>`}
    ${!brief && run.kind === 'parent' && html`<${Picture} run=${run.id} asked=${{ kind: 'failures', where }} serial=${serial} />`}
    ${!brief && html`<${Command} text=${`accio failures ${run.id}${option}`} />`}`;
}
