// Is the machine park healthy and busy?
import { html, post, useData, useState } from '../core.js';
import { Lanes } from '../lanes.js';
import { useTopic } from '../live.js';
import { Bar, Command, Dialog, Empty, Heading, Loaded, Problem, Span, Time, bytes, counted, number, visible } from '../parts.js';
import { agentState } from '../states.js';
import { useForbidden } from '../steering.js';

export function Page({ address, session }) {
  const cluster = useTopic('cluster');
  const agents = useTopic('agents');
  const again = `${cluster?.serial}/${agents?.serial}`;
  const found = useData('/cluster', {}, again);
  return html`<${Heading} text="Cluster" /><${Loaded} of=${found}>${(data) => html`<${Content} data=${data} session=${session} reload=${found.reload} />`}<//>
    <${Lanes} again=${again} limit=${address.query.get('bars') ?? ''} />`;
}

function Content({ data: { cluster, agents }, session, reload }) {
  return html`<dl class="inline facts">
      <div><dt>Daemon</dt><dd>${visible(session.daemon)}, version ${visible(cluster.version)}</dd></div>
      <div><dt>Started</dt><dd><${Time} at=${cluster.started_at} /></dd></div>
      <div><dt>Queued</dt><dd>${counted(cluster.queued_nodes, 'node')}</dd></div>
      <div><dt>Running</dt><dd>${counted(cluster.running_nodes, 'node')}</dd></div>
      <div><dt>Active runs</dt><dd>${number(cluster.active_runs)}</dd></div></dl>
    ${agents.length ? html`<div class="scroll"><table class="rows"><caption class="unseen">Agents</caption>
      <thead><tr><th scope="col">Agent</th><th scope="col">State</th><th scope="col">Processors</th><th scope="col">Memory</th><th scope="col" class="n">Running</th><th scope="col">Heard of</th><th scope="col" class="n">Operators</th><th scope="col">Version</th><th scope="col">Do</th></tr></thead>
      <tbody>${agents.map((agent) => html`<${Agent} key=${agent.name} agent=${agent} session=${session} reload=${reload} />`)}</tbody></table></div>`
      : html`<${Empty} title="No agent has ever connected: nothing can run"><p>Start one on a machine with processors to offer:</p><${Command} text=${`accio agent --daemon=${session.daemon}`} /><//>`}
    <${Command} text="accio get agents" />`;
}

function Agent({ agent, session, reload }) {
  const [asked, ask] = useState('');
  const forbidden = useForbidden(session);
  const here = ['connected', 'draining'].includes(agent.state);
  const { word, as, glyph } = agentState(agent);
  const use = (kind, text) => html`<${Bar} share=${agent.resources[kind] ? agent.reserved[kind] / agent.resources[kind] : 0} label=${kind} /> <span class="quiet">${text}</span>`;
  const button = (name, label) => html`<button type="button" disabled=${Boolean(forbidden)} title=${forbidden || undefined} onClick=${() => ask(name)}>${label} …</button>`;
  return html`<tr><td class="what">${visible(agent.name)}${agent.owners.length > 0 && html`<br /><span class="quiet">only for ${agent.owners.map(visible).join(', ')}</span>`}</td>
    <td data-name="State"><span class=${`state ${as}`}>${glyph} ${word}</span>${agent.reason && html`<br /><span class="quiet">${visible(agent.reason)}</span>`}${agent.window && html`<br /><span class="quiet">nothing begins there <${Span} from=${agent.window.from} to=${agent.window.to} />: ${visible(agent.window.name)}</span>`}</td>
    <td data-name="Processors">${use('cpus', `${agent.reserved.cpus} of ${agent.resources.cpus}`)}</td>
    <td data-name="Memory">${use('memory', `${bytes(agent.reserved.memory)} of ${bytes(agent.resources.memory)}`)}</td>
    <td class="n" data-name="Running">${number(agent.running)}</td><td data-name="Heard of"><${Time} at=${agent.last_seen} /></td>
    <td class="n" data-name="Operators">${number(agent.operators)}</td><td data-name="Version">${visible(agent.version)}</td>
    <td>${agent.state === 'draining' ? button('undo', 'Undo drain') : here ? button('drain', 'Drain') : button('remove', 'Remove')}
      ${asked && html`<${Confirm} agent=${agent} what=${asked} close=${() => ask('')} done=${reload} />`}</td></tr>`;
}

const ASKED = {
  drain: ['Drain', (agent) => `${agent.name} gets no further nodes; ${agent.running ? `what runs there (${counted(agent.running, 'node')}) ends first` : 'none runs there'}.`, (name) => `accio agent drain ${name}`],
  undo: ['Undo drain', (agent) => `${agent.name} gets nodes again.`, (name) => `accio agent drain ${name} -undo`],
  remove: ['Remove', (agent) => `${agent.name} is forgotten. If it connects again, it is there again.`, (name) => `accio agent remove ${name}`],
};

function Confirm({ agent, what, close, done }) {
  const [error, fail] = useState(null);
  const [label, warning, command] = ASKED[what];
  const act = async () => {
    try {
      await post(`/agents/${encodeURIComponent(agent.name)}/${what === 'remove' ? 'remove' : 'drain'}`, what === 'undo' ? { undo: true } : {});
      close();
      done();
    } catch (failed) {
      fail(failed);
    }
  };
  return html`<${Dialog} title=${`${label} ${visible(agent.name)}`} close=${close}><p>${visible(warning(agent))}</p>
    <p class="command"><code>${command(visible(agent.name))}</code></p><${Problem} error=${error} />
    <div class="buttons"><button type="button" onClick=${close}>Cancel</button><button type="button" class="main" onClick=${act}>${label}</button></div><//>`;
}
