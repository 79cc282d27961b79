// The query box: which children of a sweep are meant. It is part of the address.
import { goQuery, html, useEffect, useRef } from './core.js';

export function WhereBox({ where }) {
  const box = useRef(null);
  useEffect(() => { box.current.value = where; }, [where]);
  const submit = (event) => {
    event.preventDefault();
    goQuery({ where: box.current.value.trim(), cursor: '' }, { replace: false });
  };
  return html`<form class="filters" role="search" onSubmit=${submit}>
    <label class="wide">Only children where <input ref=${box} data-search name="where" spellcheck="false" autocomplete="off" placeholder="epsilon<0.01 state=success" /></label>
    <button>Apply</button>
    ${where && html`<button type="button" class="quiet" onClick=${() => goQuery({ where: '' })}>All children</button>`}
  </form>`;
}

/** A query with one more condition. */
export function narrowed(where, condition) {
  return where ? `(${where}) ${condition}` : condition;
}
