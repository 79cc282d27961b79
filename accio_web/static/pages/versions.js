// What changed between two versions of a workflow: the graph of both together, then what differs as tables.
import { goQuery, href, html, runPath, useData, useRef } from '../core.js';
import { Command, Copy, Empty, Heading, Loaded, Time, counted, number, visible } from '../parts.js';
import { Graph } from '../pictures/graph.js';
import { SaveButtons } from '../pictures/save_buttons.js';

export const MARKS = { added: '+', removed: '−', changed: '≠', renamed: '→', same: '' };
const MOST_SHOWN = 200;

export function Page({ address }) {
  const id = address.parts[1];
  const found = useData(`/workflows/${encodeURIComponent(id)}`);
  const [from, to] = ['from', 'to'].map((name) => address.query.get(name) ?? '');
  return html`<nav class="crumbs" aria-label="Where this is"><a href=${href('/workflows')}>Workflows</a> <a href=${href(`/workflows/${encodeURIComponent(id)}`)}>${visible(id)}</a></nav>
    <${Heading} text=${`What changed in ${id}`} />
    <${Loaded} of=${found}>${(workflow) => html`<${Chosen} workflow=${workflow} pair=${pairOf(workflow, from, to)} />`}<//>`;
}

/** The versions that are compared: those asked for, else the latest and the one that was made before it. */
export function pairOf(workflow, from, to) {
  const versions = (workflow.history ?? []).map((each) => each.version);
  const second = to || workflow.version;
  const before = versions[versions.indexOf(second) + 1];
  return { first: from || before || versions.find((each) => each !== second) || '', second };
}

function Chosen({ workflow, pair }) {
  if (!pair.first) {
    return html`<${Empty} title="There is one version only"><p>Another one comes about when a changed file is pushed; runs keep the version that they were submitted with.</p><${Command} text="accio push WORKFLOW.json" /><//>`;
  }
  const versions = workflow.history ?? [];
  const choose = (name, version) => goQuery({ from: pair.first, to: pair.second, [name]: version });
  const choice = (name, label, version) => html`<label>${label} <select value=${version} onChange=${(event) => choose(name, event.target.value)}>
      ${(versions.some((each) => each.version === version) ? versions : [{ version }, ...versions]).map((each) => html`<option value=${each.version} selected=${each.version === version}>${visible(each.version)}${each.version === workflow.version ? ' (latest)' : ''}</option>`)}</select></label>`;
  return html`<div class="filters">${choice('from', 'From', pair.first)} ${choice('to', 'To', pair.second)}
      <button type="button" onClick=${() => goQuery({ from: pair.second, to: pair.first })}>Swap</button> <${Copy} text=${location.href} label="Copy link" /></div>
    ${workflow.versions > versions.length && html`<p class="quiet">The newest ${number(versions.length)} of ${number(workflow.versions)} versions can be chosen here; any other in the address.</p>`}
    <${Differences} first=${named(workflow.id, pair.first)} second=${named(workflow.id, pair.second)} />`;
}

const named = (id, version) => (version.includes(':') ? version : `${id}:${version}`);

function Differences({ first, second }) {
  const found = useData(`/workflows/${encodeURIComponent(second)}/differences`, { from: first });
  return html`<${Loaded} of=${found}>${(data) => html`<${Content} data=${data} />`}<//>`;
}

/** How many there are of each change, as a sentence. */
export function summaryOf({ params, nodes, same }) {
  const of = (list, what) => Object.keys(MARKS).map((change) => [change, list.filter((each) => each.change === change).length])
    .filter(([, n]) => n).map(([change, n]) => `${counted(n, what)} ${change === 'same' ? `${n === 1 ? 'is' : 'are'} the same` : change}`);
  return same ? 'They are defined alike.' : `${[...of(nodes, 'node'), ...of(params, 'parameter')].join(', ')}.`;
}

/** The nodes of both versions as rows: what became of each, and in what it differs. */
export function changeRows(nodes) {
  return [['node', 'change', 'what', 'before', 'after'], ...nodes.flatMap((each) => (each.details.length ? each.details : [{ name: '', first: '', second: '' }])
    .map((detail) => [each.name, each.change, detail.name, detail.first, detail.second]))];
}

function Content({ data }) {
  const figure = useRef(null);
  const { first, second, nodes, params, facts, operators, runs, versions } = data;
  const changes = Object.fromEntries(data.edges.map((edge) => [`${edge.from} ${edge.to}`, edge.change]));
  const layout = { ...data.layout, edges: data.layout.edges.map((edge) => ({ ...edge, change: changes[`${edge.from} ${edge.to}`] })) };
  const states = Object.fromEntries(nodes.map((each) => [each.name, { state: each.change === 'same' ? '' : each.change, told: toldOf(each) }]));
  const differing = (list) => list.filter((each) => each.change !== 'same');
  const left = data.edges.length - layout.edges.length;
  return html`<p>${summaryOf(data)} <span class="quiet">Made <${Time} at=${versions[0].created_at} /> and <${Time} at=${versions[1].created_at} />.</span></p>
    ${facts.length > 0 && html`<${Facts} facts=${facts} />`}
    <section aria-labelledby="graph"><h2 id="graph">Graph of both</h2>
      <ul class="legend changes">${Object.entries(MARKS).filter(([, mark]) => mark).map(([change, mark]) => html`<li class=${change}><b aria-hidden="true">${mark}</b> ${change}</li>`)}</ul>
      <div ref=${figure}><${Graph} layout=${layout} label=${`Graph of ${first} and ${second}`} operators=${data.operator_of} states=${states} glyphs=${MARKS} to=${(name) => `#node-${encodeURIComponent(name)}`} />
      <p class="tools"><${SaveButtons} figure=${figure} name="differences" table=${() => changeRows(nodes)} /></p></div>
      ${left > 0 && html`<p class="quiet">${counted(left, 'edge')} of before ${left === 1 ? 'is' : 'are'} left out: ${left === 1 ? 'it leads' : 'they lead'} against the direction of now. The table has ${left === 1 ? 'it' : 'them'}.</p>`}</section>
    <section aria-labelledby="nodes"><h2 id="nodes">Nodes</h2><${Changes} list=${differing(nodes)} what="Node" caption="Nodes that differ" anchor="node-" none="All nodes are the same: operators, inputs and limits." /></section>
    <section aria-labelledby="params"><h2 id="params">Parameters</h2><${Changes} list=${differing(params)} what="Parameter" caption="Parameters that differ" anchor="param-" none="All parameters are the same." /></section>
    <section aria-labelledby="code"><h2 id="code">Code of operators</h2><${Operators} operators=${operators} runs=${runs} /></section>
    <${Command} text=${`accio diff ${first} ${second}`} />`;
}

const toldOf = (each) => (each.change === 'changed' ? each.details.map((detail) => detail.name).join(', ') : each.change === 'renamed' ? `was ${each.details[0].first}` : '');

function Facts({ facts }) {
  return html`<div class="scroll"><table class="rows"><caption class="unseen">Name and notes</caption><thead><tr><th scope="col">What</th><th scope="col">Before</th><th scope="col">After</th></tr></thead>
    <tbody>${facts.map((each) => html`<tr><td class="what">${visible(each.name)}</td><td data-name="Before" class="value pre">${visible(each.first || '–')}</td><td data-name="After" class="value pre">${visible(each.second || '–')}</td></tr>`)}</tbody></table></div>`;
}

function Changes({ list, what, caption, anchor, none }) {
  if (!list.length) return html`<p>${none}</p>`;
  return html`<div class="scroll"><table class="rows"><caption class="unseen">${caption}</caption>
    <thead><tr><th scope="col">${what}</th><th scope="col">Change</th><th scope="col">What</th><th scope="col">Before</th><th scope="col">After</th></tr></thead>
    <tbody>${list.slice(0, MOST_SHOWN).flatMap((each) => (each.details.length ? each.details : [null]).map((detail, at) => html`<tr id=${at ? undefined : `${anchor}${each.name}`}>
      <td class="what">${at ? html`<span class="again">${visible(each.name)}</span>` : html`<b>${visible(each.name)}</b>`}</td><td data-name="Change">${!at && html`<span class=${`change ${each.change}`}><b aria-hidden="true">${MARKS[each.change]}</b> ${each.change}</span>`}</td>
      <td data-name="What">${visible(detail?.name ?? '')}</td><td data-name="Before" class="value"><code>${visible(detail?.first || '–')}</code></td><td data-name="After" class="value"><code>${visible(detail?.second || '–')}</code></td></tr>`))}</tbody></table></div>
    ${list.length > MOST_SHOWN && html`<p class="quiet">${number(MOST_SHOWN)} of ${number(list.length)} are shown; the command shows all.</p>`}`;
}

function Operators({ operators, runs }) {
  if (runs.some((run) => !run)) return html`<p class="quiet">What code the operators have is known of runs: ${runs.every((run) => !run) ? 'neither version has one yet' : 'one of the two versions has none yet'}.</p>`;
  const between = html`the newest runs, <a href=${href(runPath(runs[0]))}>${runs[0]}</a> and <a href=${href(runPath(runs[1]))}>${runs[1]}</a>`;
  if (!operators.length) return html`<p>The same in ${between}.</p>`;
  return html`<p>Between ${between}:</p><div class="scroll"><table class="rows"><caption class="unseen">Nodes whose operators differ</caption>
    <thead><tr><th scope="col">Node</th><th scope="col">Before</th><th scope="col">After</th><th scope="col">What differs</th></tr></thead>
    <tbody>${operators.map((each) => html`<tr><td class="what">${visible(each.node)}</td><td data-name="Before">${visible(each.first || '–')}</td><td data-name="After">${visible(each.second || '–')}</td>
      <td data-name="What differs" class="value">${each.components.map((part) => html`<div><code>${visible(part.component)}</code> ${part.before && part.after ? html`${visible(part.before.slice(0, 12))} → ${visible(part.after.slice(0, 12))}` : part.after ? 'is new' : 'is gone'}</div>`)}</td></tr>`)}</tbody></table></div>`;
}
