// Where is the run that …?
import { api, go, goQuery, href, html, useData, useEffect, useState } from '../core.js';
import { useTopic } from '../live.js';
import { Command, Empty, Heading, Loaded, number, quoted } from '../parts.js';
import { RunsTable } from '../runs_table.js';
import { Actions, useForbidden } from '../steering.js';

const STATES = ['scheduled', 'running', 'success', 'failed', 'killed'];
const FIELDS = ['text', 'tag', 'owner', 'workflow'];
const OPTIONS = { tag: 'tags' };

export function Page({ address, session }) {
  const query = Object.fromEntries(FIELDS.map((name) => [name, address.query.get(name) ?? '']));
  query.state = address.query.getAll('state');
  const cursor = address.query.get('cursor') ?? '';
  const first = useData('/runs', { ...query, cursor });
  return html`<${Heading} text="Runs" />
    <${Filters} query=${query} />
    <${Loaded} of=${first}>${(data) => html`<${Rows} key=${JSON.stringify([query, cursor])} page=${data} query=${query} cursor=${cursor} session=${session} reload=${first.reload} />`}<//>`;
}

function Filters({ query }) {
  const change = (event) => goQuery({ [event.target.name]: event.target.value.trim(), cursor: '' });
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    goQuery({ ...Object.fromEntries(FIELDS.map((name) => [name, String(form.get(name)).trim()])), cursor: '' });
  };
  const toggle = (state) => goQuery({ state: query.state.includes(state) ? query.state.filter((each) => each !== state) : [...query.state, state], cursor: '' });
  return html`<form class="filters" role="search" onSubmit=${submit}>
    <label>Search <input name="text" type="search" data-search value=${query.text} onChange=${change} placeholder="words of name or notes" /></label>
    <label>Tag <input name="tag" value=${query.tag} onChange=${change} /></label>
    <label>Owner <input name="owner" value=${query.owner} onChange=${change} /></label>
    <label>Workflow <input name="workflow" value=${query.workflow} onChange=${change} /></label>
    <fieldset><legend class="unseen">States</legend>${STATES.map((state) => html`<button type="button" class="toggle" aria-pressed=${query.state.includes(state)} onClick=${() => toggle(state)}>${state}</button>`)}</fieldset>
    <button class="unseen">Search</button>
  </form>`;
}

/** Rows change in place while they are looked at; new ones come when the reader asks for them. */
function Rows({ page, query, cursor, session, reload }) {
  const told = useTopic('runs');
  const [rows, setRows] = useState(page.runs);
  const [fresh, setFresh] = useState(0);
  const [chosen, setChosen] = useState(() => new Set());
  const forbidden = useForbidden(session);
  useEffect(() => setRows(page.runs), [page]);
  useEffect(() => {
    if (!told?.content) return;
    api('/runs', { ...query, cursor }).then(({ runs }) => {
      const byId = new Map(runs.map((run) => [run.id, run]));
      setRows((old) => {
        setFresh(runs.filter((run) => !old.some((each) => each.id === run.id)).length);
        return old.map((run) => byId.get(run.id) ?? run);
      });
    }, () => null);
  }, [told?.serial]);
  const choose = (id) => setChosen((old) => {
    const next = new Set(old);
    if (!next.delete(id)) next.add(id);
    return next;
  });
  const refresh = () => {
    setFresh(0);
    setChosen(new Set());
    reload();
  };
  if (!rows.length) return html`<${NoMatch} query=${query} />`;
  const selected = rows.filter((run) => chosen.has(run.id));
  const words = FIELDS.filter((name) => query[name]).map((name) => quoted(`-${OPTIONS[name] ?? name}=${query[name]}`));
  if (query.state.length) words.push(`-state=${query.state.join(',')}`);
  return html`
    <div class="bar-above">
      <span>${page.total === null ? `${number(rows.length)} shown` : `${number(page.total)} in all`}${selected.length > 0 && `, ${selected.length} selected`}</span>
      ${fresh > 0 && html`<button type="button" onClick=${refresh}>Refresh (${fresh} new)</button>`}
      <button type="button" class="quiet" onClick=${() => setChosen(new Set(selected.length === rows.length ? [] : rows.map((run) => run.id)))}>
        ${selected.length === rows.length ? 'Select none' : rows.length === 1 ? 'Select it' : `Select all ${rows.length} shown`}</button>
      <${Actions} runs=${selected} forbidden=${forbidden} after=${refresh} />
    </div>
    <${RunsTable} runs=${rows} caption="Runs, newest first" chosen=${chosen} choose=${choose} />
    <nav class="pages" aria-label="Pages of the list">
      ${cursor && html`<a href=${href('/runs', query)}>Newest</a>`}
      ${page.next && html`<a href=${href('/runs', { ...query, cursor: page.next })}>Older</a>`}
    </nav>
    <${Command} text=${['accio get runs', ...words].join(' ')} />`;
}

function NoMatch({ query }) {
  const set = [...FIELDS.filter((name) => query[name]), ...(query.state.length ? ['state'] : [])];
  if (!set.length) return html`<${Empty} title="There is no run yet"><p>Submit one:</p><${Command} text="accio submit RUN.json" /><//>`;
  return html`<${Empty} title="No run matches"><p>Leave out a part of the search:</p>
    <p class="buttons">${set.map((name) => html`<button type="button" onClick=${() => goQuery({ [name]: '', cursor: '' })}>without ${name} ${[].concat(query[name]).join(', ')}</button>`)}
    <button type="button" onClick=${() => go(href('/runs'))}>Everything</button></p><//>`;
}
