// May I submit now? What of mine needs me?
import { href, html, runPath, useData, useEffect, useState } from '../core.js';
import { Ending, cpuTime, ranged, reserves } from '../forecast.js';
import { useTopic } from '../live.js';
import { Bar, Command, Empty, Heading, Loaded, NoWorkflow, Time, bytes, counted, number, visible } from '../parts.js';
import { prefer, preference } from '../preferences.js';
import { RunsTable, title } from '../runs_table.js';
import { StackedBar, agentState } from '../states.js';

export function Page({ session }) {
  const cluster = useTopic('cluster');
  const runs = useTopic('runs');
  const found = useData('/workload', {}, `${cluster?.serial}/${runs?.serial}`);
  return html`<${Heading} text="Workload"><a class="button" href=${href('/submit')}>Submit a run</a><//>
    <${Loaded} of=${found}>${(data) => html`<${Content} data=${data} session=${session} />`}<//>`;
}

function Content({ data, session }) {
  const { cluster, workload, active, failed, agents, workflows } = data;
  const lost = agents.filter((agent) => agentState(agent).as === 'lost');
  const share = (kind) => (cluster.resources[kind] ? cluster.reserved[kind] / cluster.resources[kind] : 0);
  const cpu = cpuTime(workload.forecast);
  return html`
    <section aria-label="The cluster now" class="cards">
      <div class="card"><b>${number(cluster.queued_nodes)}</b> ${cluster.queued_nodes === 1 ? 'node' : 'nodes'} queued, <b>${number(cluster.running_nodes)}</b> running
        <p class="quiet">${!workload.active_runs ? 'nothing to wait for' : workload.forecast.low_s === null ? html`<${Ending} of=${workload.forecast} brief=${workload.forecast.never} />` : html`all ends <${Ending} of=${workload.forecast} />`}${cpu && workload.active_runs > 0 && html`<br />${cpu} left`}</p></div>
      <div class="card"><b>${cluster.reserved.cpus} of ${cluster.resources.cpus}</b> processors<${Bar} share=${share('cpus')} label="Processors in use" /></div>
      <div class="card"><b>${bytes(cluster.reserved.memory)} of ${bytes(cluster.resources.memory)}</b> memory<${Bar} share=${share('memory')} label="Memory in use" /></div>
      <div class="card"><b>${number(cluster.agents)}</b> <a href=${href('/cluster')}>${cluster.agents === 1 ? 'agent' : 'agents'}</a>${lost.length > 0 && html`, <b class="state lost">↯ ${lost.length} away</b>`}</div>
      ${workload.recent && html`<div class="card"><b>${number(workload.recent.succeeded)}${workload.recent.more && ' or more'}</b> nodes executed in the last hour<p class="quiet">${workload.recent.failed ? html`<span class="state failed">✗ ${number(workload.recent.failed)}</span> failed, lost or stopped` : 'none failed'}</p></div>`}
      ${workload.recent?.concurrency?.some(Boolean) && html`<${AtOnce} recent=${workload.recent} />`}
      ${workload.memo_hits > 0 && html`<div class="card"><b>${number(workload.memo_hits)}</b> ${workload.memo_hits === 1 ? 'node' : 'nodes'} taken from the <a href=${href('/storage')}>memo</a>, in place of being executed<p class="quiet">since the daemon started, <${Time} at=${cluster.started_at} /></p></div>`}
    </section>
    ${!cluster.agents && html`<${Empty} title="No agent is connected: nothing can run"><p>Start one on a machine with processors to offer:</p><${Command} text=${`accio agent --daemon=${session.daemon}`} /><//>`}
    <section aria-labelledby="active"><h2 id="active">Active runs, in the order of the queue</h2>
      <${WaitsLongest} workload=${workload} />
      ${workload.runs.length ? html`<${Active} runs=${workload.runs} shown=${new Map(active.map((run) => [run.id, run]))} />
          ${workload.active_runs > workload.runs.length && html`<p>${number(workload.runs.length)} of ${number(workload.active_runs)}. <a href=${href('/runs', { state: ['scheduled', 'running'] })}>All active runs</a></p>`}`
    : html`<${Nothing} workflows=${workflows} />`}</section>
    ${workload.demands.length > 0 && html`<${Demands} demands=${workload.demands} />`}
    ${workload.owners.length > 1 && html`<${Owners} owners=${workload.owners} />`}
    ${failed.length > 0 && html`<${FailedLast} runs=${failed} />`}
    <${Command} text="accio get workload" />`;
}

/** How many were executed at a time within the last hour. @param {{recent: any}} props */
function AtOnce({ recent: { concurrency, sampled } }) {
  const most = Math.max(...concurrency);
  const mean = concurrency.reduce((sum, each) => sum + each, 0) / concurrency.length;
  const figure = (value) => Number(value.toPrecision(3)).toLocaleString('en');
  const about = sampled ? 'about ' : '';
  const points = concurrency.map((each, at) => `${at * (120 / (concurrency.length - 1))},${30 - (each / most) * 28}`);
  return html`<div class="card"><b>${about}${figure(mean)}</b> ${mean === 1 ? 'node' : 'nodes'} at a time in the last hour, on average
    <svg class="spark" viewBox="0 0 120 30" preserveAspectRatio="none" role="img" aria-label=${`Nodes at a time within the last hour: ${about}${figure(mean)} on average, at most ${figure(most)}, ${figure(concurrency.at(-1))} of late`}><polygon points=${`0,30 ${points.join(' ')} 120,30`} /><polyline points=${points.join(' ')} /></svg><p class="quiet">at most ${about}${figure(most)}, ${figure(concurrency.at(-1))} of late</p></div>`;
}

/** The oldest run of which nothing is executed, though nodes of it are queued. @param {{workload: any}} props */
function WaitsLongest({ workload }) {
  const found = workload.runs.find((each) => each.run === workload.waits_longest);
  return found && html`<p>Waits longest: <a href=${href(runPath(found.run))}>${visible(found.name || `${found.workflow} ${found.run.slice(-6)}`)}</a>, submitted <${Time} at=${found.created_at} />, with ${counted(found.queued, 'node')} queued and none running.</p>`;
}

/** What failed since this browser showed the page last is said to be new. @param {{runs: any[]}} props */
function FailedLast({ runs }) {
  const [seen] = useState(() => preference('failures_seen') ?? '');
  const newest = runs.map((run) => run.ended_at ?? '').sort().at(-1);
  useEffect(() => {
    if (newest > (preference('failures_seen') ?? '')) prefer('failures_seen', newest);
  }, [newest]);
  const fresh = runs.filter((run) => seen && run.ended_at > seen).length;
  return html`<section aria-labelledby="failed"><h2 id="failed">Failed last${fresh > 0 && html` <span class="tag">${number(fresh)}${fresh === runs.length ? ' or more' : ''} since you looked</span>`}</h2>
      <${RunsTable} runs=${runs} caption="Runs that failed last" />
      <p><a href=${href('/runs', { state: 'failed' })}>All failed runs</a></p></section>`;
}

function Active({ runs, shown }) {
  return html`<div class="scroll"><table class="rows"><caption class="unseen">Active runs, in the order of the queue</caption>
    <thead><tr><th scope="col">Run</th><th scope="col">Progress</th><th scope="col">Workflow</th><th scope="col">Owner</th><th scope="col" class="n">Left</th><th scope="col" class="n">Running</th><th scope="col" class="n">Queued</th><th scope="col">Ends</th></tr></thead>
    <tbody>${runs.map((each) => {
      const run = shown.get(each.run);
      const counts = run?.children?.by_state ?? run?.nodes_by_state ?? {};
      return html`<tr key=${each.run}><td class="what"><a class="row" href=${href(runPath(each.run))}>${visible(run ? title(run) : each.name || `${each.workflow} ${each.run.slice(-6)}`)}</a>${each.nice && html` <span class="quiet" title="It stands behind all runs that aren't nice">nice</span>`}</td>
        <td data-name="Progress"><${StackedBar} counts=${counts} label="Progress" /></td><td data-name="Workflow">${visible(each.workflow)}</td><td data-name="Owner">${visible(each.owner.name)}</td>
        <td class="n" data-name="Left">${number(each.children_left)} of ${number(each.children)}</td><td class="n" data-name="Running">${number(each.running)}</td><td class="n" data-name="Queued">${number(each.queued)}</td>
        <td data-name="Ends"><${Ending} of=${each.forecast} brief=${true} /></td></tr>`;
    })}</tbody></table></div>`;
}

function Demands({ demands }) {
  return html`<section aria-labelledby="demands"><h2 id="demands">What is waited for</h2><div class="scroll"><table class="rows"><caption class="unseen">Nodes by operator and what they reserve</caption>
    <thead><tr><th scope="col">Operator</th><th scope="col">Each reserves</th><th scope="col" class="n">Running</th><th scope="col" class="n">Queued</th><th scope="col" class="n">Left</th><th scope="col" class="n">At once</th><th scope="col">Takes</th><th scope="col">Why they wait</th></tr></thead>
    <tbody>${demands.map((each) => html`<tr><td class="what">${visible(each.operator)}</td><td data-name="Each reserves">${reserves(each.resources, bytes)}</td>
      <td class="n" data-name="Running">${number(each.running)}</td><td class="n" data-name="Queued">${number(each.queued)}</td><td class="n" data-name="Left">${number(each.executions)}</td><td class="n" data-name="At once">${number(each.slots)}</td>
      <td data-name="Takes">${each.took ? html`<span title=${`the middle half of ${number(each.took.measured)} measured${each.took.earlier_version ? ' with an earlier version' : ''}`}>${ranged(each.took.low_s, each.took.high_s)}</span>` : html`<span class="quiet">unknown</span>`}</td>
      <td class="why">${each.never ? html`<span class="state lost">↯ </span>${visible(each.never)}` : visible(each.waits ?? '')}</td></tr>`)}</tbody></table></div></section>`;
}

function Owners({ owners }) {
  return html`<section aria-labelledby="owners"><h2 id="owners">Whose runs</h2><p><a href=${href('/usage')}>What they may have, and have used</a></p><div class="scroll"><table class="rows"><caption class="unseen">What is left, by owner</caption>
    <thead><tr><th scope="col">Owner</th><th scope="col" class="n">Runs</th><th scope="col" class="n">Running</th><th scope="col" class="n">Queued</th><th scope="col">Reserved</th></tr></thead>
    <tbody>${owners.map((each) => html`<tr><td class="what"><a href=${href('/runs', { where: `owner=${JSON.stringify(each.owner.name || each.owner.email)}`, state: ['scheduled', 'running'] })}>${visible(each.owner.name || each.owner.email)}</a></td><td class="n" data-name="Runs">${number(each.runs)}</td>
      <td class="n" data-name="Running">${number(each.running)}</td><td class="n" data-name="Queued">${number(each.queued)}</td><td data-name="Reserved">${reserves(each.reserved, bytes)}</td></tr>`)}</tbody></table></div></section>`;
}

function Nothing({ workflows }) {
  if (!workflows.length) {
    return html`<${NoWorkflow}><p>Then submit a run of it:</p><${Command} text="accio submit RUN.json" /><//>`;
  }
  return html`<${Empty} title="Nothing runs now"><p><a href=${href('/submit', { workflow: workflows[0].id })}>Submit a run of ${visible(workflows[0].id)}</a>, or <a href=${href('/submit')}>of another workflow</a>.</p>
    <${Command} text="accio submit RUN.json" /><p><a href=${href('/runs')}>Earlier runs</a></p><//>`;
}
