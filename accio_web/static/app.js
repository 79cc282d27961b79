// The frame of every page: where one can go, how the daemon is, and which page the address means.
import { forgetSession, go, href, html, post, render, session, untilAnswered, useAddress, useEffect, useState } from './core.js';
import { isPaused, link, pause, silence, useTopic } from './live.js';
import { Help, useKeys } from './keys.js';
import { number, useOpenInSight, visible } from './parts.js';
import { ThemeSwitch } from './theme.js';

const PAGES = {
  '': () => import('./pages/home.js'),
  login: () => import('./pages/login.js'),
  runs: () => import('./pages/runs.js'),
  run: () => import('./pages/run.js'),
  node: () => import('./pages/node.js'),
  pools: () => import('./pages/pools.js'),
  cluster: () => import('./pages/cluster.js'),
  submit: () => import('./pages/submit.js'),
  compare: () => import('./pages/compare.js'),
  workflows: () => import('./pages/workflows.js'),
  versions: () => import('./pages/versions.js'),
  storage: () => import('./pages/storage.js'),
  usage: () => import('./pages/usage.js'),
  settings: () => import('./pages/settings.js'),
  help: () => import('./pages/help.js'),
};

const INNER = ['run', 'node', 'versions']; // pages of something that the address names

function pageOf(parts) {
  if (parts[0] === 'runs' && parts.length === 2) return 'run';
  if (parts[0] === 'runs' && parts.length === 3) return 'node';
  if (parts[0] === 'workflows' && parts.length === 2) return 'workflows';
  if (parts[0] === 'workflows' && parts.length === 3 && parts[2] === 'differences') return 'versions';
  return parts.length < 2 && (parts[0] ?? '') in PAGES && !INNER.includes(parts[0]) ? parts[0] ?? '' : null;
}

function App() {
  const address = useAddress();
  const name = pageOf(address.parts);
  const [page, set] = useState({ name: null, Page: null });
  const [who, know] = useState(null);
  useEffect(() => {
    if (name === null) return undefined;
    let left = false; // a page that comes late, when another is meant already, is none
    PAGES[name]().then((module) => left || set({ name, Page: module.Page }), () => left || set({ name, Page: Missing }));
    return () => { left = true; };
  }, [name]);
  useEffect(() => (name === 'login' || who ? undefined : untilAnswered(session, know)), [name, who]);
  if (name === null) return html`<${Frame} who=${who}><h1>Not found</h1><p>There is no such page. <a href=${href('/')}>Go to the workload</a></p><//>`;
  if (name === 'login') return page.name === name ? html`<main id="main"><${page.Page} address=${address} done=${know} /></main>` : null;
  return html`<${Frame} who=${who} at=${address.parts[0] ?? ''} forget=${() => know(null)}>
    ${page.name === name && who ? html`<${page.Page} key=${address.parts.join('/')} address=${address} session=${who} />` : html`<p class="loading" role="status">Loading …</p>`}
  <//>`;
}

/** Shown in the place of a page that didn't come: the network changed, or the server has another version by now. */
function Missing() {
  useEffect(() => untilAnswered(session, () => location.reload()), []);
  return html`<p class="loading" role="status">The page did not arrive whole; it is loaded again …</p>`;
}

const PLACES = [['', 'Workload', 'h'], ['runs', 'Runs', 'r'], ['submit', 'Submit', 's'], ['workflows', 'Workflows', 'w'], ['cluster', 'Cluster', 'c'], ['pools', 'Pools', 'p'], ['storage', 'Storage', ''], ['usage', 'Usage', 'u'], ['help', 'Help', '?']];

function Frame({ who, at, forget, children }) {
  const cluster = useTopic(who ? 'cluster' : '');
  const [help, showHelp] = useKeys();
  const row = useOpenInSight(at);
  const logOut = async () => {
    await post('/logout').catch(() => null);
    silence();
    forgetSession();
    forget();
    go(href('/login'));
  };
  return html`<a class="skip" href="#main">To the content</a>
    <header class="top">
      <a class="brand" href=${href('/')}>Accio</a>
      <nav aria-label="Pages" ref=${row}><ul>${PLACES.map(([path, label]) => html`<li>
        <a href=${href(`/${path}`)} aria-current=${path === at ? 'page' : undefined}>${label}</a></li>`)}</ul></nav>
      <${Pulse} cluster=${cluster} />
      <span class="who">${who?.read_only && html`<em class="tag" title="This server was started with --read-only: nothing can be changed through it">read-only</em>`}${who && html`<span title=${`Logged in as ${visible(who.user)}`}>${visible(who.user.replace(/ *<[^>]*>$/, '') || who.user)}</span>`}
        <button class="quiet" type="button" aria-pressed=${isPaused()} onClick=${() => pause(!isPaused())}>${isPaused() ? 'Go on' : 'Pause'}</button>
        <${ThemeSwitch} /><a class="quiet" href=${href('/settings')} aria-label="Settings" title="Settings" aria-current=${at === 'settings' ? 'page' : undefined}>⚙</a>
        ${who && html`<button class="quiet" type="button" onClick=${logOut}>Log out</button>`}</span>
    </header>
    <${Banner} cluster=${cluster} />
    <main id="main" class=${cluster?.error || link.away ? 'stale' : ''}>${children}</main>
    ${help && html`<${Help} close=${() => showHelp(false)} />`}`;
}

function Pulse({ cluster }) {
  const found = cluster?.content;
  if (!found) return html`<span class="pulse"></span>`;
  return html`<span class="pulse">${number(found.queued_nodes)} queued · ${number(found.running_nodes)} running ·
    ${' '}${found.reserved.cpus}/${found.resources.cpus} cpus</span>`;
}

/** The daemon away, or refusing: states of the page, not errors. */
function Banner({ cluster }) {
  if (link.away) return html`<div class="banner" role="status"><b>accio web does not answer.</b> What you see is as of ${clock(cluster?.at)}. It is tried again every 2 seconds.</div>`;
  if (cluster?.error) {
    return html`<div class="banner" role="status"><b>The daemon is away.</b> What you see is as of ${clock(cluster.at)}; nothing can be changed meanwhile.
      It is asked again every second. <span class="quiet">${visible(cluster.error.message)}</span></div>`;
  }
  const refusing = cluster?.content?.refusing;
  return refusing ? html`<div class="banner" role="status"><b>The daemon refuses work:</b> ${visible(refusing)}</div>` : null;
}

const clock = (at) => (at ? at.toLocaleTimeString() : 'before it was opened');

render(html`<${App} />`, document.getElementById('app'));
