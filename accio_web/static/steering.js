// Kill, retry, delete, tag: of runs that were picked or of all that match; each names its consequence first, and its
// outcome afterwards.
import { html, post, useEffect, useShown, useState } from './core.js';
import { Dialog, Problem, number, quoted, visible } from './parts.js';
import { ACTIVE, sum } from './states.js';
import { useTopic } from './live.js';
import { title } from './runs_table.js';

const FULL = 'The disk of the daemon is full';
const FREES = ['kill', 'delete']; // what the daemon does all the same

/** Whether something may not be changed now, and why: a text, or nothing. What *frees* space may be while the disk is full. @param {any} session */
export function useForbidden(session, { frees = false } = {}) {
  const cluster = useTopic('cluster');
  if (session?.read_only) return 'This server was started with --read-only';
  if (cluster?.error) return 'The daemon is away';
  return cluster?.content?.refusing && !frees ? FULL : '';
}


const open = (runs) => runs.filter((run) => ACTIVE.includes(run.state));
const plural = (n, what) => `${number(n)} ${what}${n === 1 ? '' : 's'}`;

/** How many nodes of a run run; 0 also where that isn't told, as in lists. */
const running = (runs) => (runs.length === 1 ? runs[0].nodes_by_state?.running ?? 0 : 0);

function failures(run) {
  const by = run.children?.by_state ?? {};
  return sum(by) ? (by.failed ?? 0) + (by.killed ?? 0) : 0;
}

/** What can be done: with *count* runs, of which *nodes* nodes are known to run now. */
const ACTIONS = {
  kill: {
    label: 'Kill', done: 'killed', else: 'had ended already', count: (runs) => open(runs).length,
    warning: (count, nodes) => `Stops ${plural(count, 'run')} that ${count === 1 ? "hasn't" : "haven't"} ended, ${nodes ? `with ${plural(nodes, 'running node')}` : 'with the nodes that run'}. Results of nodes that have succeeded are kept.`,
    words: 'kill',
  },
  retry: {
    label: 'Retry', done: 'started again', else: 'had nothing to retry', count: (runs) => runs.filter((run) => failures(run) > 0 || ['failed', 'killed'].includes(run.state)).length,
    warning: (count, nodes, runs) => {
      const children = count === runs.length ? runs.reduce((n, run) => n + failures(run), 0) : 0;
      return `Runs again what failed, was killed or lost in ${children ? `${number(children)} ${children === 1 ? 'child' : 'children'} of ` : ''}${plural(count, 'run')}. What succeeded is kept.`;
    },
    words: 'retry', fields: Demand,
  },
  tag: {
    label: 'Tag', done: 'tagged', else: 'were tagged so already', count: (runs) => runs.length, fields: Tags,
    warning: (count) => `Changes the tags of ${plural(count, 'run')}; tags that aren't named stay.`,
    words: '',
  },
  delete: {
    label: 'Delete', done: 'deleted', else: 'were deleted already', count: (runs) => runs.length, danger: true,
    warning: (count, nodes, runs) => `Deletes ${plural(count, 'run')}${runs.some((run) => run.children) ? ' with all children' : ''}; what still runs of it is stopped first. This can't be undone.`,
    words: 'delete run',
  },
};

/**
 * Buttons for what can be done to some runs, or to all that match a query.
 * @param {{runs: any[], matching?: {where: string, parent?: string}, forbidden: string, after: (what: string) => void, names?: string[]}} props
 */
export function Actions({ runs, matching = null, forbidden, after, names = ['kill', 'retry', 'delete'] }) {
  const [asked, ask] = useState(null);
  const [said, say] = useState('');
  const full = useTopic('cluster')?.content?.refusing ? FULL : '';
  const why = (name) => forbidden || (FREES.includes(name) ? '' : full);
  const told = (name, done) => {
    say(outcome(ACTIONS[name], done));
    after(name);
  };
  const begin = (name) => {
    say('');
    ask(name);
  };
  const Dialogue = matching ? ConfirmMatching : Confirm;
  return html`<div class="actions" role="group" aria-label="Actions">
    ${names.map((name) => html`<button type="button" class=${ACTIONS[name].danger ? 'danger' : ''}
      disabled=${Boolean(why(name)) || !(matching || ACTIONS[name].count(runs))} title=${why(name) || undefined}
      onClick=${() => begin(name)}>${ACTIONS[name].label} …</button>`)}
    ${asked && html`<${Dialogue} name=${asked} runs=${runs} matching=${matching} close=${() => ask(null)} after=${told} />`}
    ${said && html`<span class="quiet" role="status">✓ ${said}</span>`}
  </div>`;
}

function Confirm({ name, runs, close, after }) {
  const action = ACTIONS[name];
  const ids = runs.map((run) => run.id);
  const count = action.count(runs);
  const which = ids.length === 1 ? visible(title(runs[0])) : count < ids.length ? `${number(count)} of ${plural(ids.length, 'run')}` : plural(count, 'run');
  const command = action.words && `accio ${action.words} ${(ids.length > 3 ? [...ids.slice(0, 3), '…'] : ids).join(' ')}`;
  return html`<${Act} name=${name} of=${{ ids }} title=${`${action.label} ${which}`} close=${close} after=${after} command=${command}>
    <p>${action.warning(count, running(runs), runs)}</p><//>`;
}

/** Finds what matches first, and touches exactly that. */
function ConfirmMatching({ name, matching, close, after }) {
  const action = ACTIONS[name];
  const { where, parent = '' } = matching;
  const [found, set] = useState({ data: null, error: null });
  useEffect(() => {
    post('/select', { action: name, where, parent }).then((data) => set({ data, error: null }), (error) => set({ data: null, error }));
  }, []);
  const { data, error } = found;
  const label = `${action.label} all that match`;
  if (!data) {
    return html`<${Dialog} title=${label} close=${close}>${error ? html`<${Problem} error=${error} />` : html`<p role="status">Looking what matches …</p>`}
      <div class="buttons"><button type="button" onClick=${close}>Cancel</button></div><//>`;
  }
  if (!data.count) {
    return html`<${Dialog} title=${label} close=${close}><p>Nothing that matches ${where && html`<code>${visible(where)}</code>`} can be ${action.done} now.</p>
      <div class="buttons"><button type="button" onClick=${close}>Close</button></div><//>`;
  }
  const command = action.words && ['accio', action.words, parent, quoted(`-where=${where}`)].filter(Boolean).join(' ');
  return html`<${Act} name=${name} of=${{ selection: data.selection }} title=${`${action.label} ${plural(data.count, 'run')}`} close=${close} after=${after} command=${command}>
    <p>${action.warning(data.count, 0, data.first)}</p>
    <ul>${data.first.map((run) => html`<li>${visible(title(run))} <span class="quiet">${run.state}</span></li>`)}${data.count > data.first.length && html`<li>and ${number(data.count - data.first.length)} more</li>`}</ul>
    <p class="quiet">Exactly these are meant: what begins to match later is left alone.</p><//>`;
}

/**
 * The dialog that acts: consequence, command, buttons; afterwards what became of it. Where something was refused that
 * could be asked for in another way, what was typed stays, for those that were refused.
 */
function Act({ name, of, title: heading, command, close, after, children }) {
  const action = ACTIONS[name];
  const [state, set] = useState({ busy: false, error: null, done: null });
  const [more, say] = useState('');
  const shown = useShown();
  const { done } = state;
  const asked = done?.left ?? of;
  const again = Boolean(action.fields && done?.left);
  const typed = (event) => say(action.fields?.words ? ` ${action.fields.words(action.fields.read(Object.fromEntries(new FormData(event.currentTarget))))}`.trimEnd() : '');
  const act = async (event) => {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(event.target));
    set({ ...state, busy: true, error: null });
    try {
      const found = together(done, await post(`/runs/${name}`, { ...asked, ...(action.fields?.read(given) ?? {}) }), asked);
      if (!shown.current) return;
      if (found.refused) set({ busy: false, error: null, done: found });
      else {
        close();
        after(name, found);
      }
    } catch (error) {
      set({ ...state, busy: false, error });
    }
  };
  const finish = () => {
    close();
    if (done && done.changed + done.unchanged) after(name, done); // else what was picked stays picked
  };
  return html`<${Dialog} title=${heading} close=${finish}><form onSubmit=${act} onInput=${typed}>
    ${done ? html`<${Outcomes} done=${done} action=${action} />` : children}
    ${(!done || again) && action.fields && html`<${action.fields} />`}
    ${command && (!done || (again && !done.changed && !done.unchanged)) && html`<p class="command"><code>${command}${visible(more)}</code></p>`}
    <${Problem} error=${state.error} />
    <div class="buttons">
      <button type="button" onClick=${finish}>${done ? 'Close' : 'Cancel'}</button>
      ${(!done || again) && html`<button class=${action.danger ? 'danger main' : 'main'} disabled=${state.busy}>${state.busy ? 'Working …' : done ? 'Try again' : action.label}</button>`}
    </div></form><//>`;
}

/**
 * What came of all attempts of a dialog; `left` is what can be asked for once more: those that were refused, or a
 * selection of which all were.
 */
export function together(before, found, asked) {
  const refused = found.runs.filter((each) => each.error);
  const of = (count) => (before?.[count] ?? 0) + found[count];
  const left = asked.ids ? { ids: refused.map((each) => each.id) } : found.changed + found.unchanged ? null : asked;
  return { runs: refused, refused: found.refused, changed: of('changed'), unchanged: of('unchanged'), left: found.refused ? left : null };
}

/** What became of those that weren't refused, in words. */
const outcome = (action, { changed, unchanged }) => [(changed || !unchanged) && `${number(changed)} ${action.done}`, unchanged && `${number(unchanged)} ${action.else}`].filter(Boolean).join(', ');

function Outcomes({ done, action }) {
  return html`${done.changed + done.unchanged > 0 && html`<p>✓ ${outcome(action, done)}.</p>`}
    <p>✗ ${number(done.refused)} refused:</p><ul>${done.runs.map((each) => html`<li><code>${each.id}</code> ${visible(each.error)}</li>`)}</ul>`;
}

function Tags() {
  return html`<label>Add, with commas between <input name="add" autocomplete="off" /></label><label>Take away <input name="remove" autocomplete="off" /></label>`;
}
Tags.read = ({ add, remove }) => ({ add: split(add), remove: split(remove) });

function Demand() {
  return html`<details><summary>With more memory, processors or time, or the operators of today</summary>
    <p class="quiet">What is retried demands so much from then on: an amount, or a factor such as 2x. It changes no result.</p>
    <label>Memory <input name="memory" placeholder="2x, or 8GiB" autocomplete="off" /></label><label>Processors <input name="cpus" placeholder="2x, or 4" autocomplete="off" /></label><label>Time <input name="timeout" placeholder="2x, or 30.minutes" autocomplete="off" /></label>
    <label class="check"><input type="checkbox" name="force" /> Force it: even if no agent that is known could execute it</label>
    <label class="check"><input type="checkbox" name="latest" /> With the operators as they are now</label></details>`;
}
Demand.read = ({ memory, cpus, timeout, force, latest }) => ({ memory: memory.trim(), cpus: cpus.trim(), timeout: timeout.trim(), force: force === 'on', latest_operators: latest === 'on' });
Demand.words = ({ memory, cpus, timeout, force, latest_operators: latest }) => [memory && `-memory=${memory}`, cpus && `-cpus=${cpus}`, timeout && `-timeout=${timeout}`, latest && '-operators=latest', force && '-force'].filter(Boolean).join(' ');

export const split = (text) => text.split(',').map((tag) => tag.trim()).filter(Boolean);
