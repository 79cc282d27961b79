// A node: why did it fail, was it cached, does it wait?
import { href, html, nodePath, placeOf, runPath, useData } from '../core.js';
import { Curves } from '../curves.js';
import { reserves } from '../forecast.js';
import { useTopic } from '../live.js';
import { Command, Copy, Heading, Time, Took, Whole, bytes, duration, number, shown, visible } from '../parts.js';
import { State } from '../states.js';
import { Actions, useForbidden } from '../steering.js';
import { Log } from '../log.js';

export function Page({ address, session }) {
  const [, run, name] = address.parts;
  const topic = useTopic(`run/${run}`);
  const found = useData(`${runPath(run)}/nodes/${encodeURIComponent(name)}`, {}, topic?.serial);
  return html`<nav class="crumbs" aria-label="Where this is">${run.includes('.') && html`<a href=${href(runPath(run.split('.')[0]))}>The sweep</a>`}<a href=${href(runPath(run))}>Run ${run}</a></nav>
    <${Whole} of=${found} what="Node" list=${[runPath(run), 'The run']}>${(node) => html`<${Node} node=${node} session=${session} reload=${found.reload} />`}<//>`;
}

function Node({ node, session, reload }) {
  const taken = node.why?.answer === 'cached';
  return html`<${Heading} text=${node.name}><${State} of=${node.state} />${node.cached && html`<span class="tag">cached</span>`}<//>
    ${node.error && html`<${Failure} error=${node.error} />`}
    ${['failed', 'lost', 'killed'].includes(node.state) && html`<${Again} node=${node} session=${session} after=${reload} />`}
    ${node.why && !(node.error && node.why.answer === 'failed') && html`<section aria-label="Why"><h2>Why</h2><p>${WORDS[node.why.answer] ?? visible(node.why.answer)}${node.why.reason && `: ${visible(node.why.reason)}`}</p>
      ${taken && node.why.from && html`<p>From <${Place} of=${node.why.from} />, computed <${Time} at=${node.why.computed_at} />.</p>`}
      ${node.why.differences.length > 0 && html`<div class="scroll"><table class="rows"><caption>What differs from the nearest earlier execution</caption><thead><tr><th scope="col">Part of the key</th><th scope="col">Before</th><th scope="col">Now</th></tr></thead>
        <tbody>${node.why.differences.map((each) => html`<tr><td class="what">${visible(each.component)}</td><td data-name="Before"><code>${visible(each.before)}</code></td><td data-name="Now"><code>${visible(each.after)}</code></td></tr>`)}</tbody></table></div>`}</section>`}
    ${node.shares && html`<section aria-label="Shared"><h2>Shared</h2><p>Its execution is that of <${Place} of=${node.shares} />, which came first: equal nodes are executed once.</p></section>`}
    <${Curves} node=${node} reload=${reload} />
    <section aria-label="Log"><h2>Log</h2><${Log} run=${node.run} node=${node.name} /></section>
    <section aria-label="Attempts"><h2>Attempts</h2>${node.attempts.length ? html`<div class="scroll"><table class="rows"><caption class="unseen">Attempts, oldest first</caption>
      <thead><tr><th scope="col">State</th><th scope="col">Agent</th><th scope="col">Began</th><th scope="col">Took</th><th scope="col">Why it failed</th></tr></thead>
      <tbody>${node.attempts.map((each) => html`<tr><td data-name="State"><${State} of=${each.state} /></td><td data-name="Agent">${each.agent ? visible(each.agent) : html`<span class="quiet">removed</span>`}</td><td data-name="Began"><${Time} at=${each.started_at} /></td><td data-name="Took"><${Took} from=${each.started_at} to=${each.ended_at} /></td><td>${visible(each.error ? `${each.error.cause}: ${each.error.message}` : '')}</td></tr>`)}</tbody></table></div>` : html`<p>${taken && node.why.from ? html`None was made for this node: its result is that of <${Place} of=${node.why.from} />, which has the attempts.` : ['waiting', 'queued', 'running'].includes(node.state) ? 'None has ended yet.' : 'None was made.'}</p>`}</section>
    <section aria-label="Inputs"><h2>Inputs</h2><${Values} caption="Inputs" rows=${Object.entries(node.inputs).map(([name, each]) => [name, each.type, each.value])} /></section>
    <section aria-label="Outputs"><h2>Outputs</h2><${Values} caption="Outputs" rows=${Object.entries(node.artifacts).map(([name, each]) => [name, each.type, each.value ?? `${bytes(each.size)}, kept as ${each.blob}`])} />
      ${Object.keys(node.artifacts).length > 0 && html`<${Command} text=${`accio get artifact ${node.run}/${node.name}/${Object.keys(node.artifacts)[0]}`} />`}</section>
    ${node.metrics && html`<${Metrics} metrics=${node.metrics} />`}
    <section aria-label="Key"><h2>Key</h2><dl class="inline">
      <div><dt>Operator</dt><dd>${visible(node.operator)} <code>${visible(node.operator_digest ?? '')}</code></dd></div>
      <div><dt>Memo key</dt><dd>${node.key ? html`<code>${node.key}</code> <${Copy} text=${node.key} name="Copy the key" />` : 'not known'}</dd></div>
      ${node.demand && html`<div><dt>Demands</dt><dd>${reserves(node.demand, bytes)}${node.demand_changed && html` <span class="tag">${visible(node.demand_changed)}</span>`}</dd></div>`}
      ${node.seed !== null && html`<div><dt>Seed</dt><dd><code>${node.seed}</code> <${Copy} text=${node.seed} name="Copy the seed" /></dd></div>`}</dl></section>
    <section aria-label="Reproduce"><h2>Reproduce</h2><p>This makes the run again, with the same values and seeds, and executes all of it:</p>
      <${Command} text=${`accio submit -from=${node.run} -wait --no-cache`} /></section>
    <${Command} text=${`accio describe node ${node.run}/${node.name}`} />`;
}

const WORDS = { cached: 'It was taken from an earlier execution', executed: 'It was executed', waiting: 'It waits', failed: 'It failed', uncacheable: 'Its result can not be kept' };

/** A link to a node that is written as RUN/NODE. @param {{of: string}} props */
function Place({ of }) {
  return html`<a href=${href(nodePath(...placeOf(of)))}>${visible(of)}</a>`;
}

function Failure({ error }) {
  return html`<section class="problem" aria-label="Why it failed"><h2>✗ ${visible(error.cause)}${error.exception && html` <code>${visible(error.exception)}</code>`}</h2>
    <p class="pre">${visible(error.message)}</p>
    ${error.predecessor && html`<p>Its predecessor ${visible(error.predecessor)} didn't succeed.</p>`}
    ${error.stderr && html`<h3>Last lines of standard error</h3><pre>${visible(error.stderr)}</pre>`}
    ${error.traceback && html`<details><summary>Traceback</summary><pre>${visible(error.traceback)}</pre></details>`}</section>`;
}

/** Runs again what didn't succeed of the run that a node is in, with more memory if that is asked for. */
function Again({ node, session, after }) {
  const found = useData(runPath(node.run));
  const forbidden = useForbidden(session, { frees: true });
  return found.data && html`<${Actions} runs=${[found.data]} forbidden=${forbidden} after=${after} names=${['retry']} />`;
}

function Values({ rows, caption }) {
  if (!rows.length) return html`<p>None are known.</p>`;
  return html`<div class="scroll"><table class="rows"><caption class="unseen">${caption}</caption><thead><tr><th scope="col">Port</th><th scope="col">Type</th><th scope="col">Value</th></tr></thead>
    <tbody>${rows.map(([name, type, value]) => html`<tr><td class="what">${visible(name)}</td><td data-name="Type"><code>${visible(type)}</code></td><td class="value">${shown(value)}</td></tr>`)}</tbody></table></div>`;
}

function Metrics({ metrics }) {
  const text = (name, value) => (name.endsWith('_us') ? duration(value / 1e6) : ['peak_memory', 'bytes_in', 'bytes_out'].includes(name) ? bytes(value) : number(value));
  return html`<section aria-label="Metrics"><h2>Metrics</h2><dl class="inline">${Object.entries(metrics).map(([name, value]) => html`<div><dt>${visible(name.replace(/_us$/, ''))}</dt><dd title=${String(value)}>${text(name, value)}</dd></div>`)}</dl></section>`;
}
