// May I submit now? What of mine needs me?
import { href, html, useData } from '../core.js';
import { useTopic } from '../live.js';
import { Bar, Command, Empty, Heading, Loaded, bytes, number, visible } from '../parts.js';
import { RunsTable } from '../runs_table.js';

export function Page() {
  const cluster = useTopic('cluster');
  const runs = useTopic('runs');
  const found = useData('/workload', {}, `${cluster?.serial}/${runs?.serial}`);
  return html`<${Heading} text="Workload" />
    <${Loaded} of=${found}>${(data) => html`<${Content} data=${data} />`}<//>`;
}

function Content({ data }) {
  const { cluster, active, failed, agents, workflows } = data;
  const lost = agents.filter((agent) => !['connected', 'draining'].includes(agent.state));
  return html`
    <section aria-label="The cluster now" class="cards">
      <div class="card"><b>${number(cluster.queued_nodes)}</b> nodes queued</div>
      <div class="card"><b>${number(cluster.running_nodes)}</b> nodes running</div>
      <div class="card"><b>${cluster.reserved.cpus} of ${cluster.resources.cpus}</b> processors
        <${Bar} share=${cluster.resources.cpus ? cluster.reserved.cpus / cluster.resources.cpus : 0} label="Processors in use" /></div>
      <div class="card"><b>${bytes(cluster.reserved.memory)} of ${bytes(cluster.resources.memory)}</b> memory
        <${Bar} share=${cluster.resources.memory ? cluster.reserved.memory / cluster.resources.memory : 0} label="Memory in use" /></div>
      <div class="card"><b>${number(cluster.agents)}</b> <a href=${href('/cluster')}>${cluster.agents === 1 ? 'agent' : 'agents'}</a>${lost.length > 0 && html`, <b class="state lost">↯ ${lost.length} away</b>`}</div>
    </section>
    ${!cluster.agents && html`<${Empty} title="No agent is connected: nothing can run"><p>Start one on a machine with processors to offer:</p><${Command} text="accio agent" /><//>`}
    <section aria-labelledby="active"><h2 id="active">Active runs</h2>
      ${active.length
        ? html`<${RunsTable} runs=${active} caption="Active runs, oldest first" />
          ${data.more_active && html`<p><a href=${href('/runs', { state: ['scheduled', 'running'] })}>All active runs</a></p>`}`
        : html`<${Nothing} workflows=${workflows} />`}</section>
    ${failed.length > 0 && html`<section aria-labelledby="failed"><h2 id="failed">Failed last</h2>
      <${RunsTable} runs=${failed} caption="Runs that failed last" />
      <p><a href=${href('/runs', { state: 'failed' })}>All failed runs</a></p></section>`}`;
}

function Nothing({ workflows }) {
  if (!workflows.length) {
    return html`<${Empty} title="There is no workflow yet"><p>A workflow says which operators run, and how they are connected. Store one, and submit a run of it:</p>
      <${Command} text="accio push WORKFLOW.json" /><${Command} text="accio submit RUN.json" /><//>`;
  }
  return html`<${Empty} title="Nothing runs now"><p><a href=${href('/submit', { workflow: workflows[0].id })}>Submit a run of ${visible(workflows[0].id)}</a>, or <a href=${href('/submit')}>of another workflow</a>.</p>
    <${Command} text="accio submit RUN.json" /><p><a href=${href('/runs')}>Earlier runs</a></p><//>`;
}
