// Name, notes and tags, edited where they are shown. Enter or leaving the field keeps what was typed, Esc doesn't.
import { href, html, post, runPath, useEffect, useRef, useState } from './core.js';
import { Notes } from './notes.js';
import { Heading, Problem, visible } from './parts.js';
import { title } from './runs_table.js';
import { split } from './steering.js';

/** What belongs to editing one field: is it open, what went wrong, and how it is saved. */
function useEdit(run, after) {
  const [open, show] = useState(false);
  const [error, fail] = useState(null);
  const button = useRef(null);
  const back = useRef(false); // by a key, not by going elsewhere: the button that opened the field has the focus again
  const returned = useRef(false);
  useEffect(() => {
    returned.current = !open && back.current;
    if (returned.current) button.current?.focus();
    back.current = false;
  }, [open]);
  const save = async (change, path = `${runPath(run.id)}/update`) => {
    try {
      const { runs = [], instead = null } = await post(path, change);
      if (instead !== null) throw Object.assign(new Error(`Somebody else has changed this meanwhile, to: ${instead || '(nothing)'}\nKeep yours all the same? Press once more; Esc leaves theirs.`), { instead });
      const refused = runs.find((each) => each.error);
      if (refused) throw new Error(refused.error);
      fail(null);
      show(false);
      after('edit');
    } catch (failed) {
      fail(failed);
    }
  };
  const cancel = () => {
    fail(null);
    show(false);
  };
  return { open, show, error, save, cancel, button, back, returned };
}

function Field({ label, value, error, save, cancel, back, lines = false }) {
  const box = useRef(null);
  const left = useRef(false);
  const [text, write] = useState(value); // what is typed stays, whatever is told of the run meanwhile
  useEffect(() => {
    box.current.focus();
    box.current.select();
  }, []);
  const base = useRef(value); // what its writer has seen: another one's words aren't replaced unseen
  useEffect(() => { // what wasn't kept can be kept again, now that the reason is told
    left.current = false;
    base.current = error?.instead ?? base.current;
  }, [error]);
  const done = (keep) => {
    if (keep && left.current) return;
    left.current = true;
    const typed = box.current.value;
    if (keep && typed !== base.current) save(typed, base.current);
    else cancel();
  };
  const press = (event) => {
    const keep = event.key === 'Enter' && (!lines || event.ctrlKey || event.metaKey);
    if (!keep && event.key !== 'Escape') return;
    back.current = true;
    done(keep);
    event.preventDefault();
  };
  const leave = () => {
    if (!left.current) back.current = false;
    done(true);
  };
  const common = { ref: box, 'aria-label': label, value: text, onInput: (event) => write(event.target.value), onKeyDown: press, onBlur: () => leave() };
  return lines ? html`<textarea class="inplace" rows="5" ...${common}></textarea>` : html`<input class="inplace" ...${common} />`;
}

const ofParent = (run) => (run.kind === 'child' ? " A child shows its parent's: this changes the parent." : '');

/** The title of a run's page; a click, or the key e, edits the name. */
export function EditableName({ run, forbidden, after, children }) {
  const { open, show, error, save, cancel, button: opener, back } = useEdit(run, after);
  const edit = html`<button type="button" class="quiet edit" ref=${opener} data-edit aria-label="Edit the name" disabled=${Boolean(forbidden)} title=${forbidden || `Edit the name (e).${ofParent(run)}`} onClick=${() => show(true)}>✎</button>`;
  return html`<${Heading} text=${title(run)} instead=${open && html`<${Field} label="Name" value=${run.name} error=${error} save=${(name, was) => save({ name, was })} cancel=${cancel} back=${back} />`}>${!open && run.kind !== 'child' && edit}${children}<//><${Problem} error=${error} />`;
}

export function EditableNotes({ run, forbidden, after }) {
  const { open, show, error, save, cancel, button: opener, back, returned } = useEdit(run, after);
  useEffect(() => { // the first notes have another button than none, and may come after the focus was given back
    if (returned.current && document.activeElement === document.body) opener.current?.focus();
  }, [!run.notes]);
  const button = (text) => html`<button type="button" class="quiet edit" ref=${opener} disabled=${Boolean(forbidden)} title=${forbidden || `Edit the notes.${ofParent(run)}`} onClick=${() => show(true)} aria-label="Edit the notes">${text}</button>`;
  if (open) return html`<${Field} label="Notes" value=${run.notes} error=${error} lines=${true} save=${(notes, was) => save({ notes, was })} cancel=${cancel} back=${back} /><p class="quiet">Ctrl+Enter keeps the notes, Esc doesn't.</p><${Problem} error=${error} />`;
  return html`${run.notes ? html`<div class="notes edited"><div><${Notes} text=${run.notes} /></div>${button('✎')}</div>` : html`<p class="no-notes">${button('+ Notes')}</p>`}<${Problem} error=${error} />`;
}

export function EditableTags({ run, forbidden, after }) {
  const { open, show, error, save, cancel, button: opener, back } = useEdit(run, after);
  const retag = (add, remove) => save({ ids: [run.id], add, remove }, '/runs/tag'); // tags that others add meanwhile stay
  const add = (text) => (split(text).length ? retag(split(text), []) : cancel());
  const remove = (tag) => {
    opener.current?.focus(); // what was pressed goes away
    retag([], [tag]);
  };
  return html`<span class="tags">${run.tags.map((tag) => html`<span class="tag"><a href=${href('/runs', { where: `tag=${JSON.stringify(tag)}` })}>${visible(tag)}</a>${!forbidden && html`<button type="button" class="quiet" aria-label=${`Take away the tag ${visible(tag)}`} onClick=${() => remove(tag)}>×</button>`}</span> `)}
    ${open ? html`<${Field} label="New tags, with commas between" value="" error=${error} save=${add} cancel=${cancel} back=${back} />` : html`<button type="button" class="quiet edit" ref=${opener} disabled=${Boolean(forbidden)} title=${forbidden || `Add tags.${ofParent(run)}`} onClick=${() => show(true)}>+ Tag</button>`}</span><${Problem} error=${error} />`;
}
