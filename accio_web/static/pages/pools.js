// Which hosts are asked of Slurm, a cloud or other machines, why so many, and what became of each?
import { goQuery, href, html, now, post, useData, useEffect, useShown, useState } from '../core.js';
import { reserves } from '../forecast.js';
import { isPaused, useTopic } from '../live.js';
import { Bar, Command, Dialog, Empty, Heading, Loaded, Problem, Span, Time, Took, bytes, counted, duration, number, quoted, visible } from '../parts.js';
import { useForbidden } from '../steering.js';

const AGAIN_MS = 3000;
const GLYPHS = { serving: '✓', away: '↯', paused: '■', closed: '◷', 'backing off': '◌', silent: '↯' };
const CLASSES = { serving: 'success', away: 'lost', paused: 'killed', closed: 'queued', 'backing off': 'waiting', silent: 'lost' };
const ENDED = ['ended', 'failed', 'lost'];
const MOST_MAINTENANCE = 5;

/** A number that grows while the page is looked at: engines tell nothing by themselves. */
function useBeat() {
  const [beat, set] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || isPaused() || set((n) => n + 1), AGAIN_MS);
    return () => clearInterval(timer);
  }, []);
  return beat;
}

export function Page({ address, session }) {
  const beat = useBeat();
  const agents = useTopic('agents');
  const again = `${beat}/${agents?.serial}`;
  const [pool, live, cursor] = ['pool', 'live', 'cursor'].map((name) => address.query.get(name) ?? '');
  const found = useData('/pools', {}, again);
  return html`<${Heading} text="Pools" /><${Loaded} of=${found}>${(data) => html`<${Pools} data=${data} chosen=${pool} session=${session} reload=${found.reload} />
    ${(data.pools.length > 0 || pool) && html`<${Allocations} pools=${data.pools} pool=${pool} live=${live} cursor=${cursor} again=${again} />`}`}<//>`;
}

function Pools({ data: { pools, unservable }, chosen, session, reload }) {
  if (!pools.length) {
    return html`<${Empty} title="There are no pools: only agents that somebody starts execute nodes"><p>A pool asks Slurm, Kubernetes, Grid Engine, a cloud or other machines for hosts while there is work for them, and gives them back afterwards. Describe one in a file (docs/pools.md has one for each engine), look what would be submitted, and serve it where jobs are submitted:</p>
      <${Command} text="accio pool check pools.json" /><${Command} text="accio pool serve pools.json" /><p><a href=${href('/cluster')}>Agents that are connected</a></p><//>`;
  }
  return html`${unservable.length > 0 && html`<div class="problem"><h2>What waits that no pool can serve</h2><ul>${unservable.map((each) => html`<li>${visible(each)}</li>`)}</ul></div>`}
    <div class="pools">${pools.map((pool) => html`<${Pool} key=${pool.name} pool=${pool} chosen=${chosen === pool.name} session=${session} reload=${reload} />`)}</div>
    <${Command} text="accio pool why" />`;
}

function Pool({ pool, chosen, session, reload }) {
  const [asked, ask] = useState('');
  const forbidden = useForbidden(session);
  const there = Object.values(pool.allocations).reduce((a, b) => a + b, 0);
  const button = (name, label) => html`<button type="button" disabled=${Boolean(forbidden)} title=${forbidden || undefined} onClick=${() => ask(name)}>${label} …</button>`;
  return html`<section class="picture" aria-label=${`Pool ${visible(pool.name)}`}>
    <div class="heading"><h2><a class="row" href=${href('/pools', { pool: chosen ? '' : pool.name })} aria-current=${chosen ? 'true' : undefined}>${visible(pool.name)}</a></h2>
      <span class=${`state ${CLASSES[pool.state] ?? 'waiting'}`}>${GLYPHS[pool.state] ?? '·'} ${visible(pool.state)}</span></div>
    <p><b>${number(there)}</b> of at most ${counted(pool.max, 'host')} <${Bar} share=${pool.max ? there / pool.max : 0} label="Hosts of the most" />
      <span class="quiet">${Object.entries(pool.allocations).map(([state, n]) => `${number(n)} ${state}`).join(', ')}</span></p>
    <dl class="inline">
      <div><dt>Engine</dt><dd>${visible(pool.provider)}</dd></div>
      <div><dt>Each host</dt><dd>${reserves(pool.offers ?? pool.host, bytes)}</dd></div>
      ${pool.walltime_s !== null && html`<div><dt>Walltime</dt><dd>${duration(pool.walltime_s)}</dd></div>`}
      <div><dt>Kept</dt><dd title="Hosts that are kept whatever is queued">${number(pool.kept)}</dd></div>
      ${pool.during && html`<div><dt>Asks during</dt><dd>${visible(pool.during)}</dd></div>`}
      ${pool.operators.length > 0 && html`<div><dt>Only operators</dt><dd>${pool.operators.map(visible).join(', ')}</dd></div>`}
      ${pool.owners.length > 0 && html`<div><dt>Only runs of</dt><dd>${pool.owners.map(visible).join(', ')}</dd></div>`}
      ${(pool.budget.day !== null || pool.budget.total !== null) && html`<div><dt>Budget</dt><dd>${[pool.budget.day !== null && `${number(pool.budget.day)} core-hours a day`, pool.budget.total !== null && `${number(pool.budget.total)} core-hours in all`].filter(Boolean).join(', ')}; ${number(Math.round(pool.used_core_hours * 10) / 10)} used</dd></div>`}</dl>
    ${pool.decision.length > 0 && html`<h3>Why as many as that</h3><ul>${pool.decision.map((each) => html`<li>${visible(each)}</li>`)}</ul>`}
    <${Maintenance} of=${pool.maintenance} />
    ${pool.problem && html`<p><b class="state failed">✗ The last failure:</b> <span class="pre">${visible(pool.problem)}</span></p>`}
    <div class="actions" role="group" aria-label=${`Change ${visible(pool.name)}`}>${pool.state === 'paused' ? button('resume', 'Resume') : button('pause', 'Pause')}${pool.state === 'backing off' && button('resume', 'Try again now')}${button('scale', 'Keep hosts')}</div>
    ${asked && html`<${Change} pool=${pool} there=${there} what=${asked} close=${() => ask('')} done=${reload} />`}</section>`;
}

/** When there are no hosts, as far as that isn't over. */
function Maintenance({ of }) {
  const coming = of.filter((each) => Date.parse(each.to) > now()).sort((a, b) => Date.parse(a.from) - Date.parse(b.from));
  const more = coming.length - MOST_MAINTENANCE;
  return coming.length > 0 && html`<h3>Maintenance, during which there are no hosts</h3>
    <ul>${coming.slice(0, MOST_MAINTENANCE).map((each) => html`<li>${visible(each.name)}: <${Span} from=${each.from} to=${each.to} />${Date.parse(each.from) <= now() && html` <b class="state waiting">now</b>`}</li>`)}
      ${more > 0 && html`<li class="quiet">and ${number(more)} later</li>`}</ul>`;
}

const ASKED = {
  pause: ['Pause', (there) => `No more hosts are asked for. ${there ? `The ${counted(there, 'host')} that there ${there === 1 ? 'is' : 'are'}, or that wait at the engine, stay until they are idle or their time is over.` : 'There are none now.'}`],
  resume: ['Resume', () => 'Hosts are asked for again as soon as work waits for them, also where it backs off after failures.'],
  scale: ['Keep hosts', () => 'That number of hosts is kept whatever is queued: those that are missing are asked for now, and use what they use also while there is nothing to do.'],
};

function Change({ pool, there, what, close, done }) {
  const [error, fail] = useState(null);
  const [kept, keep] = useState(String(pool.kept));
  const shown = useShown();
  const [label, warning] = ASKED[what];
  const wrong = what === 'scale' && !/^\d{1,6}$/.test(kept.trim()) ? 'expected a whole number of hosts' : '';
  const change = async (body) => {
    try {
      await post(`/pools/${encodeURIComponent(pool.name)}`, body);
      if (!shown.current) return;
      done();
      close();
    } catch (failed) {
      fail(failed);
    }
  };
  const act = (event) => {
    event.preventDefault();
    if (!wrong) change(what === 'scale' ? { kept: Number(kept) } : { paused: what === 'pause' });
  };
  const name = visible(quoted(pool.name));
  return html`<${Dialog} title=${`${label}: ${visible(pool.name)}`} close=${close}><form onSubmit=${act}><p>${warning(there)}</p>
    ${what === 'scale' && html`<label>Hosts that are kept, of at most ${number(pool.max)}<input inputmode="numeric" value=${kept} aria-invalid=${wrong ? 'true' : undefined} onInput=${(event) => keep(event.target.value)} /></label>
      ${wrong && html`<span class="issue">${wrong}</span>`}<p><button class="link" type="button" onClick=${() => change({ kept: 'auto' })}>As its file says: ${counted(pool.min, 'host')}</button></p>`}
    <p class="command"><code>accio pool ${what} ${name}${what === 'scale' ? ` ${visible(kept.trim())}` : ''}</code></p><${Problem} error=${error} />
    <div class="buttons"><button type="button" onClick=${close}>Cancel</button><button class="main">${label}</button></div></form><//>`;
}

function Allocations({ pools, pool, live, cursor, again }) {
  const found = useData('/allocations', { pool, live, cursor }, again);
  const words = ['accio get allocations', pool && `-pool=${quoted(pool)}`, live && '-live'].filter(Boolean).join(' ');
  return html`<section aria-labelledby="allocations"><h2 id="allocations">Hosts that were asked for</h2>
    <div class="filters"><label>Of pool <select value=${pool} onChange=${(event) => goQuery({ pool: event.target.value, cursor: '' })}><option value="" selected=${!pool}>all pools</option>${[...new Set([...pools.map((each) => each.name), ...(pool ? [pool] : [])])].map((name) => html`<option value=${name} selected=${name === pool}>${visible(name)}</option>`)}</select></label>
      <label class="check"><input type="checkbox" checked=${live === '1'} onChange=${(event) => goQuery({ live: event.target.checked ? '1' : '', cursor: '' })} /> Only those that haven't ended</label></div>
    <${Loaded} of=${found}>${(page) => (page.allocations.length ? html`<${Table} of=${page.allocations} />
      <p class="pages">${cursor && html`<a href=${href('/pools', { pool, live })}>Newest</a>`}${page.next && html`<a href=${href('/pools', { pool, live, cursor: page.next })}>Older</a>`}</p>`
    : html`<${Empty} title=${live ? 'No host is there, or asked for' : 'No host was asked for yet'}><p>${live ? 'Hosts are asked for while work waits that a pool can serve.' : 'As soon as work waits that a pool can serve, it asks for hosts; the reasons stand above.'}</p><//>`)}<//>
    <${Command} text=${words} /></section>`;
}

function Table({ of }) {
  return html`<div class="scroll"><table class="rows"><caption class="unseen">Hosts that were asked for, newest first</caption>
    <thead><tr><th scope="col" class="n">No</th><th scope="col">Pool</th><th scope="col">State</th><th scope="col">Job</th><th scope="col">Host</th><th scope="col">Agent</th><th scope="col">Asked</th><th scope="col">Waited</th><th scope="col">Lasted</th><th scope="col">Why it ended</th></tr></thead>
    <tbody>${of.map((each) => html`<tr key=${each.number}><td class="n" data-name="No">${number(each.number)}</td><td data-name="Pool">${visible(each.pool)}</td>
      <td data-name="State"><span class=${`state ${['failed', 'lost'].includes(each.state) ? each.state : ENDED.includes(each.state) ? 'waiting' : 'success'}`}>${{ failed: '✗', lost: '↯' }[each.state] ?? (ENDED.includes(each.state) ? '·' : '✓')} ${visible(each.state)}</span>${each.cancelling && !each.ended_at && html` <span class="quiet">given up</span>`}</td>
      <td data-name="Job"><code>${visible(each.job ?? '')}</code></td><td data-name="Host">${visible(each.host ?? '')}</td><td data-name="Agent">${each.agent ? visible(each.agent) : ''}</td>
      <td data-name="Asked"><${Time} at=${each.requested_at} /></td><td data-name="Waited">${each.requested_at && (each.began_at || !each.ended_at) ? html`<${Took} from=${each.requested_at} to=${each.began_at} />` : ''}</td>
      <td data-name="Lasted">${each.began_at && html`<${Took} from=${each.began_at} to=${each.ended_at} />`}</td><td class="why" data-name="Why it ended">${visible(each.reason ?? '')}</td></tr>`)}</tbody></table></div>`;
}
