// Kill, retry, delete, edit: each names its consequence first, and its outcome afterwards.
import { html, post, useState } from './core.js';
import { Dialog, Problem, number, visible } from './parts.js';
import { ACTIVE, sum } from './states.js';
import { useTopic } from './live.js';

/** Whether nothing may be changed now, and why: a text, or nothing. */
export function useForbidden(session) {
  const cluster = useTopic('cluster');
  if (session?.read_only) return 'This server was started with --read-only';
  return cluster?.error ? 'The daemon is away' : '';
}

const open = (runs) => runs.filter((run) => ACTIVE.includes(run.state));
const plural = (n, what) => `${number(n)} ${what}${n === 1 ? '' : 's'}`;

function running(runs) {
  return runs.reduce((n, run) => n + (run.nodes_by_state?.running ?? 0), 0);
}

export const ACTIONS = {
  kill: {
    label: 'Kill', done: 'killed', applies: (runs) => open(runs).length > 0,
    warning: (runs) => `Stops ${plural(open(runs).length, 'run')} that ${open(runs).length === 1 ? "hasn't" : "haven't"} ended, with ${plural(running(runs), 'running node')}. Results of nodes that have succeeded are kept.`,
    command: (ids) => `accio kill ${ids.join(' ')}`,
  },
  retry: {
    label: 'Retry', done: 'started again', applies: (runs) => runs.some((run) => failures(run) > 0 || ['failed', 'killed'].includes(run.state)),
    warning: (runs) => `Runs again what failed, was killed or lost in ${plural(runs.length, 'run')}. What succeeded is kept.`,
    command: (ids) => `accio retry ${ids.join(' ')}`,
  },
  delete: {
    label: 'Delete', done: 'deleted', applies: () => true, danger: true,
    warning: (runs) => `Deletes ${plural(runs.length, 'run')}${runs.some((run) => run.children) ? ' with all children' : ''}; what still runs of it is stopped first. This can't be undone.`,
    command: (ids) => `accio delete run ${ids.join(' ')}`,
  },
};

function failures(run) {
  const by = run.children?.by_state ?? {};
  return sum(by) ? (by.failed ?? 0) + (by.killed ?? 0) : 0;
}

/** Buttons for what can be done to some runs. */
export function Actions({ runs, forbidden, after }) {
  const [asked, ask] = useState(null);
  return html`<div class="actions" role="group" aria-label="Actions">
    ${Object.entries(ACTIONS).map(([name, action]) => html`<button type="button" class=${action.danger ? 'danger' : ''}
      disabled=${Boolean(forbidden) || !runs.length || !action.applies(runs)} title=${forbidden || undefined}
      onClick=${() => ask(name)}>${action.label} …</button>`)}
    ${asked && html`<${Confirm} name=${asked} runs=${runs} close=${() => ask(null)} after=${after} />`}
  </div>`;
}

function Confirm({ name, runs, close, after }) {
  const action = ACTIONS[name];
  const ids = runs.map((run) => run.id);
  const [state, set] = useState({ busy: false, error: null, outcomes: null });
  const act = async () => {
    set({ busy: true, error: null, outcomes: null });
    try {
      const { runs: outcomes } = await post(`/runs/${name}`, { ids });
      if (outcomes.every((each) => !each.error)) {
        close();
        after(name);
      } else set({ busy: false, error: null, outcomes });
    } catch (error) {
      set({ busy: false, error, outcomes: null });
    }
  };
  const finish = () => {
    close();
    if (state.outcomes) after(name);
  };
  return html`<${Dialog} title=${`${action.label} ${ids.length === 1 ? visible(runs[0].name || runs[0].label || ids[0]) : plural(ids.length, 'run')}`} close=${finish}>
    ${state.outcomes
      ? html`<ul>${state.outcomes.map((each) => html`<li><code>${each.id}</code> ${each.error ? html`<b>✗</b> ${visible(each.error)}` : `✓ ${action.done}`}</li>`)}</ul>`
      : html`<p>${action.warning(runs)}</p><p class="command"><code>${action.command(ids.length > 3 ? [...ids.slice(0, 3), '…'] : ids)}</code></p>`}
    <${Problem} error=${state.error} />
    <div class="buttons">
      <button type="button" onClick=${finish}>${state.outcomes ? 'Close' : 'Cancel'}</button>
      ${!state.outcomes && html`<button type="button" class=${action.danger ? 'danger main' : 'main'} disabled=${state.busy} onClick=${act}>${action.label}</button>`}
    </div>
  <//>`;
}

/** Name, notes and tags of a run. */
export function Edit({ run, forbidden, after }) {
  const [isOpen, show] = useState(false);
  return html`<button type="button" disabled=${Boolean(forbidden)} title=${forbidden || undefined} onClick=${() => show(true)}>Edit …</button>
    ${isOpen && html`<${EditDialog} run=${run} close=${() => show(false)} after=${after} />`}`;
}

function EditDialog({ run, close, after }) {
  const [error, fail] = useState(null);
  const save = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const tags = String(form.get('tags')).split(',').map((tag) => tag.trim()).filter(Boolean);
    try {
      await post(`/runs/${encodeURIComponent(run.id)}/update`, { name: form.get('name'), notes: form.get('notes'), tags });
      close();
      after('edit');
    } catch (failed) {
      fail(failed);
    }
  };
  return html`<${Dialog} title="Edit" close=${close}><form onSubmit=${save}>
    ${run.kind === 'child' && html`<p>A child shows its parent's name, notes and tags: edits change the parent.</p>`}
    <label>Name <input name="name" value=${run.name} /></label>
    <label>Notes <textarea name="notes" rows="5" value=${run.notes}></textarea></label>
    <label>Tags, with commas between <input name="tags" value=${run.tags.join(', ')} /></label>
    <${Problem} error=${error} />
    <div class="buttons"><button type="button" onClick=${close}>Cancel</button><button class="main">Save</button></div>
  </form><//>`;
}
