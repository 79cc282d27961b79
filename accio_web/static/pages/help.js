// Keys, states, and what the query box understands.
import { html, useState } from '../core.js';
import { KeyTable, keysAreOn, switchKeys } from '../keys.js';
import { Heading } from '../parts.js';
import { GLYPHS, State } from '../states.js';

const QUERIES = [
  ['created>2d geolife', 'runs of the last two days with the word geolife in name, notes, tags, workflow or a parameter'],
  ['tag=paper owner~ada', 'runs with the tag paper, of an owner whose name contains ada'],
  ['epsilon<0.01', 'children whose parameter epsilon is below 0.01'],
  ['state=failed', 'children that failed'],
  ['Count/value>=10', 'children whose output value of node Count is at least 10'],
  ['repeat=1 or repeat=2', 'one of two repetitions'],
  ['not (epsilon<0.01)', 'all others'],
];

const STATES = {
  success: 'has its outputs, executed or from the memo; of a run: every node has',
  running: 'is being executed; of a run: has begun, and not ended',
  queued: 'a node that is ready, and waits for a place on an agent',
  scheduled: 'a run of which nothing has begun',
  waiting: 'a node that needs outputs of others, which have not ended',
  failed: 'the operator, or what surrounds it, failed: its page says how',
  killed: 'was stopped, or taken from the queue, because somebody asked for it',
  lost: 'a node whose agents were lost more often than allowed',
  cancelled: 'a node that will never run: one that it needs did not succeed, or its run was killed',
};

export function Page({ session }) {
  const [on, set] = useState(keysAreOn);
  const change = (event) => {
    switchKeys(event.target.checked);
    set(event.target.checked);
  };
  return html`<${Heading} text="Help" />
    <section aria-labelledby="queries"><h2 id="queries">Queries</h2>
      <p>The boxes above runs, children, pictures and failures take the same language as <code>-where</code> of the command line; conditions beside each other must all hold. While you write, the line below says what it means, and the list what may come next.</p>
      <table class="keys"><thead><tr><th scope="col">Query</th><th scope="col">What it selects</th></tr></thead><tbody>${QUERIES.map(([query, what]) => html`<tr><td><code>${query}</code></td><td>${what}</td></tr>`)}</tbody></table></section>
    <section aria-labelledby="states"><h2 id="states">States</h2><table class="keys"><thead><tr><th scope="col">State</th><th scope="col">What it means</th></tr></thead>
      <tbody>${Object.keys(GLYPHS).map((state) => html`<tr><td><${State} of=${state} /></td><td>${STATES[state]}</td></tr>`)}</tbody></table></section>
    <section aria-labelledby="keys"><h2 id="keys">Keys</h2><label class="check"><input type="checkbox" checked=${on} onChange=${change} /> Single keys do something</label><${KeyTable} /></section>
    <section aria-labelledby="about"><h2 id="about">About</h2><p>accio web ${session.version}, of the daemon at ${session.daemon}${session.read_only ? '; it changes nothing (--read-only)' : ''}.</p></section>`;
}
