// Whose work is it, how much of it may run at a time, and what has it used?
import { goQuery, href, html, post, useData, useState } from '../core.js';
import { useTopic } from '../live.js';
import { Bar, Command, Dialog, Empty, Heading, Loaded, Problem, number, quoted, visible } from '../parts.js';
import { useForbidden } from '../steering.js';

const BY = { owner: 'owner', pool: 'pool', day: 'day', month: 'month' };
const SPANS = { 1: 'the last day', 7: 'the last 7 days', 30: 'the last 30 days', 365: 'the last year', all: 'all times' };

export function Page({ address, session }) {
  const [cluster, runs] = [useTopic('cluster'), useTopic('runs')];
  const found = useData('/owners', {}, `${cluster?.serial}/${runs?.serial}`);
  const [asked, ask] = useState(null);
  const forbidden = useForbidden(session);
  return html`<${Heading} text="Usage" />
    <${Loaded} of=${found}>${(data) => html`<${Owners} data=${data} forbidden=${forbidden} ask=${ask} />`}<//>
    <${Used} query=${address.query} />
    ${asked && html`<${SetCap} of=${asked} close=${() => ask(null)} done=${found.reload} />`}`;
}

const key = (person) => person.email || person.name;
const called = (person) => (person.name && person.email ? `${person.name} <${person.email}>` : key(person));

/** A cap in words: "8 processors and 100 nodes". */
export function capText(cap) {
  if (!cap) return 'none';
  return [cap.cpus !== null && `${cap.cpus} ${cap.cpus === 1 ? 'processor' : 'processors'}`, cap.nodes !== null && `${number(cap.nodes)} ${cap.nodes === 1 ? 'node' : 'nodes'}`].filter(Boolean).join(' and ');
}

/** Core-hours in two figures, so that a second of one isn't nothing. */
export const hours = (value) => (value >= 1 || !value ? value.toLocaleString('en', { maximumFractionDigits: 2 }) : Number(value.toPrecision(2)).toString());

function Owners({ data: { owners, everybody, policy }, forbidden, ask }) {
  const set = (owner, cap) => html`<button type="button" disabled=${Boolean(forbidden)} title=${forbidden || undefined} aria-label=${`Set the cap of ${visible(owner)}`} onClick=${() => ask({ owner, cap })}>Set cap …</button>`;
  const most = Math.max(...owners.map((each) => each.lately_core_hours), 0);
  return html`<section aria-labelledby="now"><h2 id="now">Whose work there is</h2>
    ${owners.length ? html`<div class="scroll"><table class="rows"><caption class="unseen">Owners</caption>
      <thead><tr><th scope="col">Owner</th><th scope="col" class="n">Runs</th><th scope="col" class="n">Queued</th><th scope="col" class="n">At agents</th><th scope="col" class="n">Processors</th><th scope="col">Core-hours lately</th><th scope="col">May have at a time</th><th scope="col">Do</th></tr></thead>
      <tbody>${owners.map((each) => html`<tr key=${key(each.owner)}>
        <td class="what"><a class="row" href=${href('/runs', { where: `owner=${JSON.stringify(key(each.owner))}` })}>${visible(called(each.owner))}</a></td>
        <td class="n" data-name="Runs">${number(each.runs)}</td><td class="n" data-name="Queued">${number(each.queued)}</td>
        <td class="n" data-name="At agents">${number(each.nodes)}${each.cap?.nodes ? html` <${Bar} share=${each.nodes / each.cap.nodes} label="Nodes of the cap" />` : ''}</td>
        <td class="n" data-name="Processors">${each.cpus}${each.cap?.cpus ? html` <${Bar} share=${each.cpus / each.cap.cpus} label="Processors of the cap" />` : ''}</td>
        <td data-name="Core-hours lately"><${Bar} share=${most ? each.lately_core_hours / most : 0} label="Core-hours lately" /> <span class="quiet">${hours(each.lately_core_hours)}</span></td>
        <td data-name="May have at a time">${each.cap ? capText(each.cap) : 'any number'}${each.cap && !each.own_cap && html` <span class="quiet">as everybody</span>`}</td>
        <td>${set(key(each.owner), each.own_cap ? each.cap : null)}</td></tr>`)}</tbody></table></div>` : html`<${Empty} title="Nobody has any work here now"><p>What is queued or runs is listed here by owner.</p><//>`}
    <p>${everybody ? html`Who has no cap of their own may have <b>${capText(everybody)}</b> at agents at a time.` : 'Who has no cap of their own may have any number of nodes at agents.'} ${set('everybody', everybody)}</p>
    <p class="quiet">${policy === 'fair' ? 'The daemon is fair: who used least lately is served first.' : 'First come, first served; caps hold back what is more.'} Of what was used, half counts after each day.</p>
    <${Command} text="accio get owners" /></section>`;
}

function SetCap({ of: { owner, cap }, close, done }) {
  const [state, set] = useState({ nodes: String(cap?.nodes ?? ''), cpus: String(cap?.cpus ?? ''), error: null });
  const { nodes, cpus, error } = state;
  const none = !nodes.trim() && !cpus.trim();
  const act = (event) => {
    event.preventDefault();
    post('/owners/cap', { owner, nodes, cpus, none }).then(() => { close(); done(); }, (failed) => set({ ...state, error: failed }));
  };
  const field = (name, label, placeholder) => html`<label>${label} <input name=${name} inputmode="decimal" autocomplete="off" placeholder=${placeholder} value=${state[name]} onInput=${(event) => set({ ...state, [name]: event.target.value })} /></label>`;
  const words = none ? '-none' : [nodes.trim() && `-nodes=${nodes.trim()}`, cpus.trim() && `-cpus=${cpus.trim()}`].filter(Boolean).join(' ');
  return html`<${Dialog} title=${`Cap of ${visible(owner)}`} close=${close}><form onSubmit=${act}>
    <p>${owner === 'everybody' ? 'Counts for each of those who have none of their own.' : `How much of the work of ${visible(owner)} may be at agents at a time.`} What runs goes on; no more begins until there is less of it than the cap allows.</p>
    ${field('nodes', 'Nodes', 'any number')}${field('cpus', 'Processors', 'any number')}
    <p class="command"><code>accio cap ${visible(quoted(owner))} ${visible(words)}</code></p><${Problem} error=${error} />
    <div class="buttons"><button type="button" onClick=${close}>Cancel</button><button class="main">${none ? 'Take the cap away' : 'Set the cap'}</button></div></form><//>`;
}

function Used({ query }) {
  const by = query.getAll('by').filter((each) => each in BY);
  const chosen = by.length ? by : ['owner'];
  const days = SPANS[query.get('days')] ? query.get('days') : '30';
  const found = useData('/usage', { by: chosen, days: days === 'all' ? '' : days });
  const toggle = (name) => {
    const rest = chosen.filter((each) => each !== name && !(['day', 'month'].includes(each) && ['day', 'month'].includes(name)));
    goQuery({ by: chosen.includes(name) ? rest : [...rest, name] });
  };
  return html`<section aria-labelledby="used"><h2 id="used">What was used</h2>
    <div class="filters"><fieldset><legend class="unseen">Told apart by</legend>${Object.keys(BY).map((name) => html`<button type="button" class="toggle" aria-pressed=${chosen.includes(name)} onClick=${() => toggle(name)}>by ${BY[name]}</button>`)}</fieldset>
      <label>Within <select value=${days} onChange=${(event) => goQuery({ days: event.target.value })}>${Object.entries(SPANS).map(([value, label]) => html`<option value=${value} selected=${value === days}>${label}</option>`)}</select></label></div>
    <${Loaded} of=${found}>${({ usage }) => html`<${UsedTable} usage=${usage} by=${chosen} />`}<//>
    <${Command} text=${['accio get usage', `-by=${chosen.join(',')}`, days !== 'all' && `-since=${days}d`].filter(Boolean).join(' ')} /></section>`;
}

function UsedTable({ usage, by }) {
  if (!usage.length) return html`<${Empty} title="Nothing was used in this time"><p>A node counts when it is over. What comes from the memo uses nothing.</p><//>`;
  const most = Math.max(...usage.map((each) => each.core_hours));
  const columns = [['period', by.includes('month') ? 'Month' : 'Day', by.includes('day') || by.includes('month')], ['owner', 'Owner', by.includes('owner')], ['pool', 'Pool', by.includes('pool')]].filter(([, , shown]) => shown);
  return html`<div class="scroll"><table class="rows"><caption class="unseen">What was used</caption>
    <thead><tr>${columns.map(([, label]) => html`<th scope="col">${label}</th>`)}<th scope="col" class="n">Nodes</th><th scope="col">Share</th><th scope="col" class="n">Core-hours</th><th scope="col" class="n">GPU-hours</th></tr></thead>
    <tbody>${usage.map((each) => html`<tr>${columns.map(([name, label], at) => html`<td class=${at ? '' : 'what'} data-name=${label}>${visible(each[name] ?? (name === 'pool' ? '(none)' : '–'))}</td>`)}
      <td class="n" data-name="Nodes">${number(each.nodes)}</td><td data-name="Share"><${Bar} share=${most ? each.core_hours / most : 0} label="Share of the most" /></td>
      <td class="n" data-name="Core-hours">${hours(each.core_hours)}</td><td class="n" data-name="GPU-hours">${hours(each.gpu_hours)}</td></tr>`)}</tbody></table></div>`;
}
