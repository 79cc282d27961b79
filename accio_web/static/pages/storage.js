// What fills the disk, and what does the memo save?
import { html, post, useData, useState } from '../core.js';
import { Bar, Command, Dialog, Empty, Heading, Loaded, Problem, bytes, duration, number, visible } from '../parts.js';
import { useForbidden } from '../steering.js';

export function Page({ session }) {
  const found = useData('/storage');
  const [asked, ask] = useState('');
  const forbidden = useForbidden(session, { frees: true });
  return html`<${Heading} text="Storage" />
    <${Loaded} of=${found}>${({ operators }) => html`<${Memo} operators=${operators.filter((each) => each.results + each.hits + each.misses > 0)} forbidden=${forbidden} ask=${ask} />`}<//>
    <${Garbage} forbidden=${forbidden} />
    ${asked && html`<${Invalidate} operator=${asked} close=${() => ask('')} done=${found.reload} />`}`;
}

const total = (operators, name) => operators.reduce((sum, each) => sum + each[name], 0);

function Memo({ operators, forbidden, ask }) {
  if (!operators.length) return html`<${Empty} title="No result is memoized yet"><p>Results of equal nodes are computed once, and taken from here afterwards.</p><//>`;
  const [size, hits, misses] = ['bytes', 'hits', 'misses'].map((name) => total(operators, name));
  const saved = total(operators, 'saved_s');
  const sorted = [...operators].sort((a, b) => b.bytes - a.bytes);
  return html`<section aria-label="Memoized results" class="cards">
      <div class="card"><b>${bytes(size)}</b> of results</div><div class="card"><b>${number(total(operators, 'results'))}</b> results memoized</div>
      <div class="card"><b>${number(hits)}</b> nodes needn't be executed${saved > 0 && html`<p class="quiet">they would have taken about ${duration(saved)}</p>`}</div>
      <div class="card"><b>${hits + misses ? Math.round((100 * hits) / (hits + misses)) : 0} %</b> of look-ups found one <${Bar} share=${hits / (hits + misses || 1)} label="Hit rate" /></div></section>
    <div class="scroll"><table class="rows"><caption>By operator, largest first</caption>
      <thead><tr><th scope="col">Operator</th><th scope="col">Share of the bytes</th><th scope="col" class="n">Bytes</th><th scope="col" class="n">Results</th><th scope="col" class="n">Hits</th><th scope="col" class="n">Misses</th><th scope="col" class="n">Hit rate</th><th scope="col" class="n" title="About how long the hits would have taken">Saved</th><th scope="col">Do</th></tr></thead>
      <tbody>${sorted.map((each) => html`<tr key=${each.operator}><td class="what">${visible(each.operator)}</td><td data-name="Share"><${Bar} share=${size ? each.bytes / size : 0} label=${`${each.operator}: share of the bytes`} /></td>
        <td class="n" data-name="Bytes">${bytes(each.bytes)}</td><td class="n" data-name="Results">${number(each.results)}</td><td class="n" data-name="Hits">${number(each.hits)}</td><td class="n" data-name="Misses">${number(each.misses)}</td>
        <td class="n" data-name="Hit rate">${each.hit_rate === null ? '–' : `${(each.hit_rate * 100).toFixed(1)} %`}</td>
        <td class="n" data-name="Saved">${each.saved_s ? `~${duration(each.saved_s)}` : '–'}</td>
        <td><button type="button" disabled=${Boolean(forbidden) || !each.results} title=${forbidden || undefined} onClick=${() => ask(each.operator)}>Invalidate …</button></td></tr>`)}</tbody></table></div>
    <${Command} text="accio cache stats" />`;
}

function Invalidate({ operator, close, done }) {
  const [error, fail] = useState(null);
  const act = () => post('/storage/invalidate', { operator }).then(() => { close(); done(); }, fail);
  return html`<${Dialog} title=${`Invalidate results of ${visible(operator)}`} close=${close}><p>All memoized results of ${visible(operator)} are forgotten: the next nodes of it are executed. Runs keep their results.</p>
    <p class="command"><code>accio cache rm -operator=${visible(operator)}</code></p><${Problem} error=${error} />
    <div class="buttons"><button type="button" onClick=${close}>Cancel</button><button type="button" class="danger main" onClick=${act}>Invalidate</button></div><//>`;
}

/** What nothing refers to: looked at first, freed then. */
function Garbage({ forbidden }) {
  const [state, set] = useState({ busy: false, found: null, error: null });
  const collect = (dryRun) => async () => {
    set({ ...state, busy: true, error: null });
    await post('/storage/collect', { dry_run: dryRun }).then((found) => set({ busy: false, found, error: null }), (error) => set({ busy: false, found: null, error }));
  };
  const { busy, found, error } = state;
  return html`<section aria-labelledby="garbage"><h2 id="garbage">Content that nothing refers to</h2>
    <p class="quiet">Results of deleted runs and of invalidated nodes, left over in the store.</p>
    <${Problem} error=${error} />
    ${found && html`<p role="status"><b>${bytes(found.bytes)}</b> in ${number(found.pieces)} ${found.pieces === 1 ? 'piece' : 'pieces'} ${found.dry_run ? 'would be freed.' : 'were freed.'}</p>
      ${found.freed.length > 0 && html`<div class="scroll twin" tabindex="0"><table><caption class="unseen">Pieces</caption><thead><tr><th scope="col">Digest</th><th scope="col" class="n">Bytes</th><th scope="col">Why</th></tr></thead>
        <tbody>${[...found.freed].sort((a, b) => b.bytes - a.bytes).map((each) => html`<tr><td><code>${each.digest.slice(0, 20)}…</code></td><td class="n">${bytes(each.bytes)}</td><td>${visible(each.reason)}</td></tr>`)}</tbody></table></div>`}`}
    <p class="buttons"><button type="button" disabled=${busy || Boolean(forbidden)} title=${forbidden || undefined} onClick=${collect(true)}>Look what would be freed</button>
      ${found?.dry_run && found.pieces > 0 && html`<button type="button" class="danger" disabled=${busy || Boolean(forbidden)} onClick=${collect(false)}>Free ${bytes(found.bytes)}</button>`}</p>
    <${Command} text="accio gc -dry-run" /></section>`;
}
