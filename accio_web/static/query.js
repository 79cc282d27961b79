// The query box: what it means in words, where it is wrong, and what may be written next. It is part of the address.
import { api, goQuery, html, useEffect, useRef, useState } from './core.js';
import { visible } from './parts.js';

const WAIT_MS = 120;

/** @param {{where: string, label: string, run?: string, placeholder?: string, children?: any}} props */
export function QueryBox({ where, label, run = '', placeholder = '', children = null }) {
  const box = useRef(null);
  const [text, write] = useState(where);
  const [at, place] = useState(where.length);
  const [told, tell] = useState({ of: null, data: null });
  const [open, show] = useState(false);
  const [active, choose] = useState(-1);
  useEffect(() => { write(where); }, [where]);
  useEffect(() => {
    if (!open && text === told.of) return undefined;
    let latest = true;
    const timer = setTimeout(() => api('/query', { text, at: at + 1, run }).then((data) => latest && tell({ of: text, data }), () => null), WAIT_MS);
    return () => {
      latest = false;
      clearTimeout(timer);
    };
  }, [text, at, open]);
  useEffect(() => choose(-1), [told]);
  const found = told.data;
  const offered = open && told.of === text ? found?.suggestions ?? [] : [];
  const submit = (event) => {
    event?.preventDefault();
    show(false);
    goQuery({ where: text.trim(), cursor: '' }, { replace: false });
  };
  const take = (suggestion) => {
    const next = text.slice(0, found.start) + suggestion.text;
    box.current.value = next + text.slice(at); // at once: what is typed before the next frame goes behind it
    box.current.setSelectionRange(next.length, next.length);
    box.current.focus();
    write(box.current.value);
    place(next.length);
  };
  const type = (event) => {
    write(event.target.value);
    place(event.target.selectionStart ?? event.target.value.length);
    show(true);
  };
  const press = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      show(true);
      if (offered.length) choose((active + step + offered.length) % offered.length);
    } else if (event.key === 'Escape' && open) {
      event.preventDefault();
      show(false);
    } else if (['Enter', 'Tab'].includes(event.key) && offered[active]) {
      event.preventDefault();
      take(offered[active]);
    }
  };
  const parts = told.of === where && where ? found?.parts ?? [] : [];
  const wrong = told.of === text && text.trim() ? found?.problem : null;
  return html`<form class="query" role="search" onSubmit=${submit}>
    <div class="filters"><label class="wide">${label}
      <input ref=${box} data-search name="where" role="combobox" aria-expanded=${offered.length > 0} aria-controls="suggestions" aria-autocomplete="list" aria-invalid=${Boolean(wrong && !found.words) && text === where}
        aria-activedescendant=${offered[active] ? `suggestion-${active}` : undefined} spellcheck="false" autocomplete="off" placeholder=${placeholder}
        value=${text} onInput=${type} onKeyDown=${press} onBlur=${() => show(false)} onFocus=${() => place(box.current.selectionStart ?? 0)} /></label>
      <button>Apply</button>
      ${where && html`<button type="button" class="quiet" onClick=${() => goQuery({ where: '', cursor: '' })}>Everything</button>`}
      ${children}</div>
    <div class="suggestions-place"><ul id="suggestions" class="suggestions" role="listbox" aria-label="What may be written next" hidden=${!offered.length}>${offered.map((each, i) => html`<li id=${`suggestion-${i}`} role="option" aria-selected=${i === active}
      onMouseDown=${(event) => { event.preventDefault(); take(each); }}><code>${visible(each.text)}</code> <span class="quiet">${each.help}</span></li>`)}</ul></div>
    ${parts.length > 1 && html`<ul class="tags chips" aria-label="Parts of the query">${parts.map((part) => html`<li class="tag" key=${part.text}><code>${visible(part.text)}</code><button type="button" class="quiet"
      aria-label=${`Without ${visible(part.text)}`} title="Leave this part out" onClick=${() => goQuery({ where: part.rest, cursor: '' }, { replace: false })}>×</button></li>`)}</ul>`}
    <p class="meaning" role="status">${wrong ? html`${found.words && html`<span class="quiet">${visible(found.words)}: </span>`}<${Wrong} text=${text} problem=${wrong} only=${Boolean(found.words)} fix=${(next) => { write(next); place(next.length); box.current.focus(); }} />` : text.trim() && told.of === text && found ? html`<span class="quiet">${visible(found.words)}</span>` : ''}</p>
  </form>`;
}

function Wrong({ text, problem, only, fix }) {
  const [before, part, after] = [text.slice(0, problem.start), text.slice(problem.start, problem.end) || ' ', text.slice(problem.end)];
  return html`<span class=${only ? 'quiet' : 'issue'}>${only ? 'but ' : '✗ '}<code>${visible(before)}<mark>${visible(part)}</mark>${visible(after)}</code> ${visible(problem.message)}${problem.suggestion && html`; did you mean <button type="button" class="link" onClick=${() => fix(before + problem.suggestion + after)}>${visible(problem.suggestion)}</button>?`}</span>`;
}

/** A query with one more condition. */
export function narrowed(where, condition) {
  return where ? `(${where}) ${condition}` : condition;
}
