// Which workflows are there, and what is one of them?
import { href, html, useData } from '../core.js';
import { Notes } from '../notes.js';
import { Command, Empty, Heading, Loaded, NoWorkflow, Time, Whole, number, shown, visible } from '../parts.js';
import { Graph } from '../pictures/graph.js';
import { RunsTable } from '../runs_table.js';

export function Page({ address }) {
  const id = address.parts[1];
  return id ? html`<${One} id=${id} />` : html`<${List} cursor=${address.query.get('cursor') ?? ''} />`;
}

const path = (id) => `/workflows/${encodeURIComponent(id)}`;

function List({ cursor }) {
  const found = useData('/workflows', { cursor });
  return html`<${Heading} text="Workflows" /><${Loaded} of=${found}>${({ workflows, next }) => (workflows.length ? html`<div class="scroll"><table class="rows">
    <caption class="unseen">Workflows, pushed last first</caption>
    <thead><tr><th scope="col">Workflow</th><th scope="col">Parameters</th><th scope="col" class="n">Nodes</th><th scope="col" class="n">Versions</th><th scope="col">Owner</th><th scope="col">Pushed</th><th scope="col">Do</th></tr></thead>
    <tbody>${workflows.map((each) => html`<tr key=${each.id}>
      <td class="what"><a class="row" href=${href(path(each.id))}>${visible(each.name || each.id)}</a>${each.name && html` <code>${visible(each.id)}</code>`}</td>
      <td data-name="Parameters">${each.params.map((param) => visible(param.name)).join(', ')}</td><td class="n" data-name="Nodes">${number(each.graph.length)}</td><td class="n" data-name="Versions">${number(each.versions)}</td>
      <td data-name="Owner">${visible(each.owner.name)}</td><td data-name="Pushed"><${Time} at=${each.created_at} /></td>
      <td><a href=${href('/submit', { workflow: each.id })}>Submit</a> <a href=${href('/runs', { where: `workflow=${each.id}` })}>Runs</a></td></tr>`)}</tbody></table></div>
    <nav class="pages" aria-label="Pages of the list">${cursor && html`<a href=${href('/workflows')}>First page</a>`}${next && html`<a href=${href('/workflows', { cursor: next })}>Next page</a>`}</nav>
    <${Command} text="accio get workflows" />`
    : html`<${NoWorkflow} />`)}<//>`;
}

function One({ id }) {
  const found = useData(path(id), { operators: '1' });
  const name = id.split(':')[0];
  const runs = useData('/runs', { where: `workflow=${JSON.stringify(name)}`, limit: 10 });
  return html`<nav class="crumbs" aria-label="Where this is"><a href=${href('/workflows')}>Workflows</a></nav>
    <${Whole} of=${found} what="Workflow" list=${['/workflows', 'Workflows that there are']}>${(workflow) => html`<${Workflow} workflow=${workflow} />`}<//>
    ${found.data && html`<section aria-labelledby="runs"><h2 id="runs">Its newest runs</h2><${Loaded} of=${runs}>${(page) => (page.runs.length
      ? html`<${RunsTable} runs=${page.runs} caption="Runs of this workflow" />${page.next && html`<p><a href=${href('/runs', { where: `workflow=${name}` })}>All of them</a></p>`}`
      : html`<${Empty} title="It has no run yet"><p><a href=${href('/submit', { workflow: id })}>Submit one</a></p><//>`)}<//></section>`}`;
}

function Workflow({ workflow }) {
  const operators = Object.fromEntries(workflow.graph.map((node) => [node.name ?? node.op, node.op]));
  return html`<${Heading} text=${workflow.name || workflow.id}><a class="button" href=${href('/submit', { workflow: workflow.id })}>Submit a run</a><//>
    ${workflow.notes && html`<div class="notes"><${Notes} text=${workflow.notes} /></div>`}
    <dl class="inline facts"><div><dt>Id</dt><dd><code>${visible(workflow.id)}</code></dd></div><div><dt>Version</dt><dd><code>${workflow.version}</code>${workflow.versions > 1 && html`, <a href=${href(`${path(workflow.id)}/differences`, { to: workflow.version })}>one of ${number(workflow.versions)}: what changed</a>`}</dd></div>
      <div><dt>Owner</dt><dd>${visible(workflow.owner.name)}</dd></div><div><dt>Pushed</dt><dd><${Time} at=${workflow.created_at} /></dd></div></dl>
    <section aria-labelledby="graph"><h2 id="graph">Graph</h2><${Graph} layout=${workflow.layout} label=${`Graph of ${workflow.id}`} operators=${operators} to=${(name) => `#${encodeURIComponent(operators[name])}`} /></section>
    <section aria-labelledby="params"><h2 id="params">Parameters</h2>${workflow.params.length ? html`<div class="scroll"><table class="rows"><caption class="unseen">Parameters</caption>
      <thead><tr><th scope="col">Parameter</th><th scope="col">Type</th><th scope="col">Default</th><th scope="col">What it is</th></tr></thead>
      <tbody>${workflow.params.map((param) => html`<tr><td class="what">${visible(param.name)}</td><td data-name="Type"><code>${param.kind}</code></td><td data-name="Default">${'default_value' in param ? shown(param.default_value) : '–'}</td><td>${visible(param.help ?? '')}</td></tr>`)}</tbody></table></div>` : html`<p>It has none.</p>`}</section>
    <section aria-labelledby="nodes"><h2 id="nodes">Nodes</h2><div class="scroll"><table class="rows"><caption class="unseen">Nodes, with where their inputs come from</caption>
      <thead><tr><th scope="col">Node</th><th scope="col">Operator</th><th scope="col">Inputs</th><th scope="col">What it does</th></tr></thead>
      <tbody>${workflow.graph.map((node) => html`<tr id=${node.op}><td class="what">${visible(node.name ?? node.op)}</td><td data-name="Operator">${visible(node.op)}${!workflow.operators[node.op] && html` <span class="state lost">↯ never announced</span>`}</td>
        <td data-name="Inputs">${Object.entries(node.inputs ?? {}).map(([port, source]) => html`<code>${visible(`${port} ← ${sourceText(source)}`)}</code><br />`)}</td><td class="why">${visible(workflow.operators[node.op]?.help?.split('\n')[0] ?? '')}</td></tr>`)}</tbody></table></div></section>
    <${Command} text=${`accio describe workflow ${workflow.id}:${workflow.version}`} />`;
}

const sourceText = (source) => source.reference ?? (source.gather && `all ${source.gather}`) ?? (source.param !== undefined ? `parameter ${source.param}` : JSON.stringify(source.value));
