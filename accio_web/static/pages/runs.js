// Where is the run that …?
import { go, goQuery, href, html, useData, useEffect, useState } from '../core.js';
import { useTopic } from '../live.js';
import { Command, Empty, Heading, Loaded, number, quoted, visible } from '../parts.js';
import { QueryBox } from '../query.js';
import { RunsTable } from '../runs_table.js';
import { SavedViews } from '../saved_views.js';
import { Actions, useForbidden } from '../steering.js';

const STATES = ['scheduled', 'running', 'success', 'failed', 'killed'];

export function Page({ address, session }) {
  const query = { where: address.query.get('where') ?? '', state: address.query.getAll('state'), sort: address.query.get('sort') ?? '' };
  const cursor = address.query.get('cursor') ?? '';
  const first = useData('/runs', { ...query, cursor });
  const toggle = (state) => goQuery({ state: query.state.includes(state) ? query.state.filter((each) => each !== state) : [...query.state, state], cursor: '' });
  return html`<${Heading} text="Runs" />
    <${QueryBox} where=${query.where} label="Only runs where" placeholder="state=failed epsilon<0.01 created>2d geolife">
      <fieldset><legend class="unseen">States</legend>${STATES.map((state) => html`<button type="button" class="toggle" aria-pressed=${query.state.includes(state)} onClick=${() => toggle(state)}>${state}</button>`)}</fieldset><//>
    <${SavedViews} query=${address.query} />
    <${Loaded} of=${first}>${(data) => html`<${Rows} key=${JSON.stringify([query, cursor])} page=${data} query=${query} cursor=${cursor} session=${session} reload=${first.reload} />`}<//>`;
}

/** Query and states as one query. */
const whole = ({ where, state }) => [state.length && where ? `(${where})` : where, state.length ? `state in ${state.join(',')}` : ''].filter(Boolean).join(' ');

/** Rows change in place while they are looked at; new ones come when the reader asks for them. */
function Rows({ page, query, cursor, session, reload }) {
  const told = useTopic('runs');
  const [rows, setRows] = useState(page.runs);
  const [fresh, setFresh] = useState(0);
  const [chosen, setChosen] = useState(() => new Set());
  const [all, setAll] = useState(false);
  const forbidden = useForbidden(session, { frees: true });
  useEffect(() => setRows(page.runs), [page]);
  const now = useData(told?.content ? '/runs' : null, { ...query, cursor }, told?.serial).data;
  useEffect(() => {
    if (!now) return;
    const byId = new Map(now.runs.map((run) => [run.id, run]));
    setRows((old) => {
      setFresh(now.runs.filter((run) => !old.some((each) => each.id === run.id)).length);
      return old.map((run) => byId.get(run.id) ?? run);
    });
  }, [now]);
  const choose = (id) => {
    setAll(false);
    setChosen((old) => {
      const next = new Set(old);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  };
  const further = !page.runs.length && page.next; // a page looks at so many runs, and says where to go on
  useEffect(() => { if (further) go(href('/runs', { ...query, cursor: page.next }), { replace: true }); }, [further]);
  const refresh = () => {
    setFresh(0);
    setChosen(new Set());
    setAll(false);
    reload();
  };
  if (further) return html`<p class="loading" role="status">No match among the newest runs; looking further back …</p>`;
  if (!rows.length) return html`<${NoMatch} query=${query} />`;
  const selected = rows.filter((run) => chosen.has(run.id));
  const where = whole(query);
  const words = [query.where && quoted(query.where), query.state.length && `-state=${query.state.join(',')}`, query.sort && `-sort=${query.sort}`].filter(Boolean);
  const every = selected.length === rows.length;
  return html`
    <div class="bar-above">
      <span>${all ? html`<b>All that match</b>` : html`${page.total === null ? `${number(rows.length)} shown` : `${number(page.total)} in all`}${selected.length > 0 && `, ${selected.length} selected`}`}</span>
      ${fresh > 0 && html`<button type="button" onClick=${refresh}>Refresh (${fresh} new)</button>`}
      <button type="button" class="quiet" onClick=${() => { setAll(false); setChosen(new Set(every ? [] : rows.map((run) => run.id))); }}>
        ${every ? 'Select none' : rows.length === 1 ? 'Select it' : `Select all ${rows.length} shown`}</button>
      ${where && (page.next || cursor) && !all && html`<button type="button" class="quiet" onClick=${() => { setAll(true); setChosen(new Set(rows.map((run) => run.id))); }}>Select all that match</button>`}
      <${Actions} runs=${selected} matching=${all ? { where } : null} forbidden=${forbidden} after=${refresh} names=${['kill', 'retry', 'tag', 'delete']} />
      ${!all && selected.length > 1 && html`<a class="button" href=${href('/compare', { run: selected.map((run) => run.id) })}>Compare</a>`}
    </div>
    <${RunsTable} runs=${rows} caption="Runs" chosen=${chosen} choose=${choose} sort=${query.sort} />
    <nav class="pages" aria-label="Pages of the list">
      ${cursor && html`<a href=${href('/runs', query)}>First page</a>`}
      ${page.next && html`<a href=${href('/runs', { ...query, cursor: page.next })}>Next page</a>`}
    </nav>
    <${Command} text=${['accio get runs', ...words].join(' ')} />`;
}

function NoMatch({ query }) {
  if (!query.where && !query.state.length) return html`<${Empty} title="There is no run yet"><p><a href=${href('/submit')}>Submit one</a>, or by the command line:</p><${Command} text="accio submit RUN.json" /><//>`;
  return html`<${Empty} title="No run matches"><p>Leave out a part of the search:</p>
    <p class="buttons">${query.where && html`<button type="button" onClick=${() => goQuery({ where: '', cursor: '' })}>without ${visible(query.where)}</button>`}
    ${query.state.length > 0 && html`<button type="button" onClick=${() => goQuery({ state: '', cursor: '' })}>in any state</button>`}
    <button type="button" onClick=${() => go(href('/runs'))}>Everything</button></p><//>`;
}
