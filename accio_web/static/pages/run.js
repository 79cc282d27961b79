// A run: a sweep with its children, a single run, or a child.
import { go, goQuery, href, html, nodePath, now, placeOf, runPath, useData, useRef, useState } from '../core.js';
import { useTopic } from '../live.js';
import { Command, Copy, Empty, Loaded, Tabs, Time, Took, Whole, form, number, quoted, shown, visible } from '../parts.js';
import { RunsTable, ended, title } from '../runs_table.js';
import { Counts, StackedBar, State } from '../states.js';
import { EditableName, EditableNotes, EditableTags } from '../inplace.js';
import { QueryBox } from '../query.js';
import { Actions, useForbidden } from '../steering.js';
import { Failures } from '../failures.js';
import { useSteps } from '../keys.js';
import { Lanes, TraceLink } from '../lanes.js';
import { Log } from '../log.js';
import { Graph, graphRows } from '../pictures/graph.js';
import { numberText } from '../pictures/scales.js';
import { SaveButtons } from '../pictures/save_buttons.js';
import { Timeline, laneRows } from '../pictures/timeline.js';
import { Overview, Pictures } from '../sweep.js';
import { Study } from '../study.js';
import { SweepNodes } from '../sweep_nodes.js';

const TABS = { parent: ['Overview', 'Nodes', 'Pictures', 'Failures', 'Children', 'Timeline', 'Logs', 'History', 'Definition'], other: ['Nodes', 'Timeline', 'Logs', 'History', 'Definition'] };

export function Page({ address, session }) {
  const id = address.parts[1];
  const topic = useTopic(`run/${id}`);
  const found = useData(runPath(id), {}, topic?.serial);
  return html`<${Whole} of=${found} what="Run" list=${['/runs', 'Runs that there are']}>${(run) => html`<${Run} run=${run} address=${address} session=${session} serial=${topic?.serial} reload=${found.reload} />`}<//>`;
}

function Run({ run, address, session, serial, reload }) {
  const forbidden = useForbidden(session);
  const steering = useForbidden(session, { frees: true });
  const tabs = run.kind === 'parent' ? TABS.parent : TABS.other;
  const asked = address.query.get('tab');
  const tab = tabs.includes(asked) ? asked : tabs[0];
  const where = address.query.get('where') ?? '';
  const after = (what) => (what === 'delete' ? go(href('/runs')) : reload());
  const Part = PARTS[tab];
  return html`
    ${run.parent && html`<${Neighbours} run=${run} />`}
    <${EditableName} run=${run} forbidden=${forbidden} after=${after}><${State} of=${run.state} /><//>
    <${EditableNotes} run=${run} forbidden=${forbidden} after=${after} />
    <${Facts} run=${run} forbidden=${forbidden} after=${after} />
    ${run.kind !== 'parent' && html`<${Parameters} run=${run} />`}
    ${run.study && html`<${Study} run=${run} />`}
    <div class="bar-above"><${Actions} runs=${[run]} forbidden=${steering} after=${after} />      <a class="button" href=${href('/submit', { from: run.id })}>Submit from this</a>
      <a class="button" href=${href('/compare', { run: run.id })}>Compare …</a>
      <${Copy} text=${location.href} label="Copy link" /></div>
    <${Tabs} names=${tabs} open=${tab} to=${(name) => href(runPath(run.id), { tab: name === tabs[0] ? '' : name, where })} />
    <${Part} run=${run} where=${where} serial=${serial} address=${address} forbidden=${steering} after=${after} />`;
}

function Facts({ run, forbidden, after }) {
  const counts = run.children?.by_state ?? run.nodes_by_state;
  return html`<div class="facts">
    <${StackedBar} counts=${counts} label=${run.children ? 'Children by state' : 'Nodes by state'} />
    <${Counts} counts=${counts} />
    <dl class="inline">
      ${run.children && html`<div><dt>Children</dt><dd>${number(run.children.total)}</dd></div>`}
      <div><dt>Progress</dt><dd>${Math.floor(run.progress * 100)} %</dd></div>
      ${run.precision && html`<div><dt>Precise</dt><dd>${number(run.precision.precise)} of ${number(run.until.points)} points${run.precision.at_max > 0 && `, ${number(run.precision.at_max)} at the most repetitions`}</dd></div>`}
      <div><dt>Took</dt><dd><${Took} from=${run.started_at} to=${run.ended_at} />${ended(run) ? '' : ' until now'}</dd></div>
      <div><dt>Created</dt><dd><${Time} at=${run.created_at} /></dd></div>
      <div><dt>Workflow</dt><dd title=${`${run.workflow.id}:${run.workflow.version}`}><a href=${href(`/workflows/${encodeURIComponent(`${run.workflow.id}:${run.workflow.version}`)}`)}>${visible(run.workflow.id)}</a></dd></div>
      <div><dt>Owner</dt><dd>${visible(run.owner.name)}</dd></div>
      <div><dt>Seed</dt><dd><code>${run.seed}</code> <${Copy} text=${run.seed} name="Copy the seed" /></dd></div>
      <div><dt>Id</dt><dd><code>${run.id}</code> <${Copy} text=${run.id} name="Copy the id" /></dd></div>
      <div><dt>Tags</dt><dd><${EditableTags} run=${run} forbidden=${forbidden} after=${after} /></dd></div>
    </dl></div>`;
}

const MOST_PARAMETERS = 12;

/** What a single run or a child was computed with, what varies in its sweep first; of a sweep, the definition tells. */
function Parameters({ run }) {
  const names = byForms(run);
  if (!names.length) return null;
  return html`<section aria-label="Parameters"><dl class="inline">${names.slice(0, MOST_PARAMETERS).map((name) => html`<div><dt>${visible(name)}</dt><dd>${shown(run.params[name])}</dd></div>`)}</dl>
    ${names.length > MOST_PARAMETERS && html`<p class="quiet">and <a href=${href(runPath(run.id), { tab: 'Definition' })}>${number(names.length - MOST_PARAMETERS)} more</a></p>`}</section>`;
}

const byForms = (run) => Object.keys(run.params).sort((a, b) => Number((run.forms?.[b] ?? 1) > 1) - Number((run.forms?.[a] ?? 1) > 1));

let along = ''; // the parameter that the keys [ and ] go along: the one gone along last, else by number

/** The children beside this one: by number, and one step along each parameter. */
function Neighbours({ run }) {
  const found = useData(`${runPath(run.id)}/neighbours`);
  const known = !found.isOld && found.data !== null; // not those of the child before
  const { previous = null, next = null, axes = [] } = (known && found.data) || {};
  useSteps(known);
  const [back, ahead] = ['[', ']'];
  const way = axes.length > 1 && axes.some((axis) => axis.name === along) ? along : '';
  const step = (to, name, key, text) => to !== null && html`<a href=${href(runPath(`${run.parent}.${to}`))} data-step=${way === name ? key : undefined}
    title=${way === name ? `Key ${key}` : undefined} onClick=${() => { along = name; }}>${text}</a>`;
  return html`<nav class="crumbs" aria-label="Where this is" data-steps=${known || found.error ? undefined : 'awaited'}><a href=${href(runPath(run.parent))}>The sweep</a>
      <span>child ${number(run.index)}: ${visible(run.label)}</span>
      ${step(previous, '', back, 'Previous child')}${step(next, '', ahead, 'Next child')}</nav>
    ${axes.length > 1 && html`<nav class="crumbs" aria-label="Along each parameter">${axes.map((axis) => html`<span key=${axis.name}>
      ${axis.previous && step(axis.previous.index, axis.name, back, `← ${visible(axis.previous.value)}`)} <b>${visible(axis.name)}=${visible(axis.value)}</b> ${axis.next && step(axis.next.index, axis.name, ahead, `${visible(axis.next.value)} →`)}</span>`)}</nav>`}`;
}

function Children({ run, where, address, serial, forbidden, after }) {
  const [state, cursor, sort] = ['state', 'cursor', 'sort'].map((name) => address.query.get(name) ?? '');
  const [chosen, choose] = useState(() => new Set());
  const found = useData('/runs', { parent: run.id, where, state, cursor, sort }, serial);
  const toggle = (id) => choose((old) => new Set(old.has(id) ? [...old].filter((each) => each !== id) : [...old, id]));
  const matching = where || state ? { parent: run.id, where: [state && where ? `(${where})` : where, state && `state=${state}`].filter(Boolean).join(' ') } : null;
  const done = (what) => {
    choose(new Set());
    found.reload();
    after(what === 'delete' ? 'edit' : what);
  };
  return html`<${QueryBox} where=${where} run=${run.id} label="Only children where" placeholder="epsilon<0.01 state=failed">
      <fieldset><legend class="unseen">States</legend>
      ${Object.keys(run.children.by_state).map((each) => html`<button type="button" class="toggle" aria-pressed=${state === each} onClick=${() => goQuery({ state: state === each ? '' : each, cursor: '' })}>${each} ${number(run.children.by_state[each])}</button>`)}</fieldset><//>
    <${Loaded} of=${found}>${(page) => {
      const selected = page.runs.filter((each) => chosen.has(each.id));
      return html`${(selected.length > 0 || matching) && html`<div class="bar-above"><span>${selected.length > 0 ? `${selected.length} selected` : 'All children that match'}</span>
        <${Actions} runs=${selected} matching=${selected.length ? null : matching} forbidden=${forbidden} after=${done} /></div>`}
      ${page.runs.length ? html`<${RunsTable} runs=${page.runs} caption="Children" chosen=${chosen} choose=${toggle} sort=${sort} columns=${OF_CHILDREN} />` : html`<${Empty} title=${`No child ${where ? 'matches' : `is ${state} now`}`} />`}
      <nav class="pages" aria-label="Pages of the list">
        ${cursor && html`<button type="button" onClick=${() => goQuery({ cursor: '' })}>First page</button>`}
        ${page.next && html`<button type="button" onClick=${() => goQuery({ cursor: page.next }, { replace: false })}>Next page</button>`}</nav>
      <${Command} text=${['accio get runs', `-parent=${run.id}`, where && quoted(where), state && `-state=${state}`, sort && `-sort=${sort}`].filter(Boolean).join(' ')} />`;
    }}<//>`;
}

const OF_CHILDREN = { State: 'state', Run: 'label', Started: 'started', Took: 'took' };

function NodesGraph({ run }) {
  const figure = useRef(null);
  const found = useData(`/workflows/${encodeURIComponent(`${run.workflow.id}:${run.workflow.version}`)}`);
  if (!found.data) return null; // the table below has everything
  const operators = Object.fromEntries(run.nodes.map((node) => [node.name, node.operator]));
  const states = Object.fromEntries(run.nodes.map((node) => [node.name, node]));
  return html`<div ref=${figure}><${Graph} layout=${found.data.layout} label="Graph of the nodes" operators=${operators} states=${states} to=${(name) => href(nodePath(name in states ? run.id : run.parent, name))} /><p class="tools"><${SaveButtons} figure=${figure} name="graph" table=${() => graphRows(run.nodes, found.data.layout)} /></p><${Command} text=${`accio plot ${run.id} -kind=graph`} /></div>`;
}

function Nodes({ run, serial }) {
  if (run.kind === 'parent') return html`<${SweepNodes} run=${run} serial=${serial} />${run.nodes?.length > 0 && html`<h2>Nodes of the sweep itself</h2><${NodesTable} run=${run} />`}`;
  return html`${run.nodes.length > 1 && html`<${NodesGraph} run=${run} />`}<${NodesTable} run=${run} /><${Values} run=${run} serial=${serial} />`;
}

const MOST_MEMBERS = 8; // of a map beside each other

/** Values as tables: outputs with members of the same names share one, with a column for each member; the others have one value. */
export function tablesOf(values) {
  const outputs = new Map();
  for (const each of values) {
    const at = each.name.indexOf('.', each.name.indexOf('/'));
    const [name, member] = at < 0 ? [each.name, ''] : [each.name.slice(0, at), each.name.slice(at + 1)];
    if (!outputs.has(name)) outputs.set(name, { name, node: each.node, unit: each.unit, members: [], values: [] });
    outputs.get(name).members.push(member);
    outputs.get(name).values.push(each.value);
  }
  const tables = new Map();
  const put = (columns, row) => {
    const key = JSON.stringify(columns);
    if (!tables.has(key)) tables.set(key, { columns, rows: [] });
    tables.get(key).rows.push(row);
  };
  for (const each of outputs.values()) {
    if (each.members.length <= MOST_MEMBERS) put(each.members, each);
    else each.members.forEach((member, at) => put([''], { ...each, name: `${each.name}.${member}`, values: [each.values[at]] }));
  }
  return [...tables.values()];
}

/** What the nodes of a single run or a child gave: numbers and texts, and which other outputs there are. */
function Values({ run, serial }) {
  const found = useData(`${runPath(run.id)}/values`, {}, serial);
  if (!found.data) return null; // each node's page has them, too
  const { values, others } = found.data;
  const elsewhere = others.filter((each) => run.nodes.find((node) => node.name === each.node)?.state === 'success');
  const kept = elsewhere.length > 0 && html`<p class="quiet">Kept as files or lists, which the nodes' pages have: ${elsewhere.map((each, at) => html`${at > 0 && ', '}${visible(each.name)} (${visible(each.type)})`)}.</p>`;
  if (!values.length) return elsewhere.length > 0 && html`<section aria-labelledby="values"><h2 id="values">Results</h2>${kept}</section>`;
  return html`<section aria-labelledby="values"><h2 id="values">Results</h2>${tablesOf(values).map(({ columns, rows }) => html`<div class="scroll"><table class="rows"><caption class="unseen">Results</caption>
    <thead><tr><th scope="col">Output</th>${columns.map((name) => html`<th scope="col" class="n">${visible(name || 'Value')}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.name}><td class="what">${visible(row.name)}${row.unit && html` <span class="quiet">(${row.unit})</span>`}</td>
      ${columns.map((name, at) => html`<td data-name=${visible(name || 'Value')} class="n" title=${shown(row.values[at])}>${typeof row.values[at] === 'number' ? numberText(row.values[at]) : shown(row.values[at])}</td>`)}</tr>`)}</tbody></table></div>`)}${kept}
    <${Command} text=${`accio table ${run.id} -points`} /></section>`;
}

function NodesTable({ run }) {
  return html`<div class="scroll"><table class="rows"><caption class="unseen">Nodes</caption>
    <thead><tr><th scope="col">State</th><th scope="col">Node</th><th scope="col">Operator</th><th scope="col">Agent</th><th scope="col">Began</th><th scope="col">Took</th><th scope="col">Why</th></tr></thead>
    <tbody>${run.nodes.map((node) => html`<tr key=${node.name}>
      <td data-name="State"><${State} of=${node.state} />${node.cached && html` <span class="tag" title="Taken from an earlier or shared execution">cached</span>`}</td>
      <td class="what"><a class="row" href=${href(nodePath(run.id, node.name))}>${visible(node.name)}</a></td>
      <td data-name="Operator">${visible(node.operator)}</td><td data-name="Agent">${visible(node.agent ?? '–')}</td>
      <td data-name="Began"><${Time} at=${node.started_at} /></td><td data-name="Took"><${Took} from=${node.started_at} to=${node.ended_at} /></td>
      <td class="why">${node.shares ? html`shares <a href=${href(nodePath(...placeOf(node.shares)))}>${visible(node.shares)}</a>` : visible(node.cause ? `${node.cause}: ${node.message}` : node.reason ?? '')}</td></tr>`)}</tbody></table></div>
    <${Command} text=${`accio describe run ${run.id}`} />`;
}

function History({ run, serial }) {
  const found = useData(`${runPath(run.id)}/events`, {}, serial);
  return html`<${Loaded} of=${found}>${({ events }) => html`<div class="scroll"><table class="rows"><caption class="unseen">History, oldest first</caption>
    <thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col">Run</th><th scope="col">Node</th><th scope="col">Detail</th></tr></thead>
    <tbody>${events.map((each) => html`<tr><td data-name="When"><${Time} at=${each.at} /></td><td class="what">${visible(each.kind)}</td><td data-name="Run">${each.run !== run.id && html`<a href=${href(runPath(each.run))}><code>${each.run}</code></a>`}</td><td data-name="Node">${each.node && html`<a href=${href(nodePath(each.run, each.node))}>${visible(each.node)}</a>`}</td><td>${visible(each.detail)}</td></tr>`)}</tbody>
    </table></div><${Command} text=${`accio get events ${run.id}`} />`}<//>`;
}

function Definition({ run }) {
  const names = byForms(run);
  return html`<div class="scroll"><table class="rows"><caption class="unseen">Parameters, those that vary first</caption>
    <thead><tr><th scope="col">Parameter</th><th scope="col">Value</th><th scope="col" class="n">Number of values</th></tr></thead>
    <tbody>${names.map((name) => html`<tr><td class="what">${visible(name)}</td><td>${run.forms[name] > 1 ? form(run.params[name]) : shown(run.params[name])}</td><td data-name="Number of values" class="n">${number(run.forms[name])}</td></tr>`)}
    ${run.repeat > 1 && run.kind === 'parent' && html`<tr><td class="what">repetitions</td><td>of each combination</td><td data-name="Number of values" class="n">${run.repeat}</td></tr>`}
    ${run.nice && html`<tr><td class="what">nice</td><td>behind all runs that aren't</td><td data-name="Number of values" class="n"></td></tr>`}</tbody></table></div>
    <${Command} text=${`accio describe run ${run.id} -json`} />`;
}

const Logs = ({ run }) => html`<${Log} run=${run.id} withNodes=${true} />`;
const FailuresTab = ({ run, where, serial }) => html`<${Failures} run=${run} where=${where} serial=${serial} />`;
function TimelineTab({ run, serial, address }) {
  return run.kind === 'parent' ? html`<${Lanes} run=${run.id} again=${serial} limit=${address.query.get('bars') ?? ''} />` : html`<${OneTimeline} run=${run} />`;
}

function OneTimeline({ run }) {
  const figure = useRef(null);
  return html`<figure class="picture large" ref=${figure}><figcaption><h2>When its nodes ran, and where</h2><p class="quiet">${number(run.nodes.filter((node) => node.started_at && !node.cached).length)} of ${number(run.nodes.length)} nodes ran here; others were taken from the memo, or haven't begun. The table of nodes has the times.</p></figcaption>
    <${Timeline} nodes=${run.nodes} label="When the nodes ran" to=${(node) => href(nodePath(run.id, node.name))} />
    <p class="tools"><${SaveButtons} figure=${figure} name="timeline" table=${() => laneRows(run.nodes.map((node) => ({ ...node, run: run.id })), now())} /><${TraceLink} run=${run.id} /></p><${Command} text=${`accio plot ${run.id} -kind=timeline`} /></figure>`;
}

const PARTS = { Overview, Timeline: TimelineTab, Pictures, Failures: FailuresTab, Children, Logs, History, Definition, Nodes };
