// Where the cluster, or a run, spends its time: lanes of all agents, over the executions that ended last and those that go on.
import { apiAddress, goQuery, href, html, nodePath, now, runPath, useData, useRef } from './core.js';
import { Command, Loaded, counted, number } from './parts.js';
import { SaveButtons } from './pictures/save_buttons.js';
import { Timeline, laneRows } from './pictures/timeline.js';

const LENGTHS = ['100', '500', '2000'];
const USUAL = '500'; // what accio plot shows without being told

/** @param {{again: any, limit: string, run?: string}} props again: when to look again; run: of which alone */
export function Lanes({ again, limit, run = '' }) {
  const chosen = LENGTHS.includes(limit) ? limit : USUAL;
  const found = useData(run ? `${runPath(run)}/timeline` : '/timeline', { limit: chosen }, again);
  return html`<section aria-labelledby="lanes"><h2 id="lanes">What ran when, and where</h2><${Loaded} of=${found}>${(data) => html`<${Figure} data=${data} chosen=${chosen} run=${run} />`}<//></section>`;
}

function Figure({ data: { bars, earlier }, chosen, run }) {
  const figure = useRef(null);
  const nodes = bars.map((bar) => ({ ...bar, name: bar.node ?? 'another’s node', agent: bar.agent || 'removed' }));
  const running = bars.filter((bar) => !bar.ended_at).length;
  return html`<figure class="picture large" ref=${figure}><figcaption><p class="quiet">${counted(bars.length - running, 'execution')} that ended last${earlier ? ', of more' : ', all there are'}, and ${number(running)} that ${running === 1 ? 'goes' : 'go'} on.</p></figcaption>
    ${bars.length ? html`<${Timeline} nodes=${nodes} label="What ran when, and where" to=${(node) => (node.run ? href(nodePath(node.run, node.node)) : null)} />`
    : html`<p class="quiet">Nothing has been executed yet.</p>`}
    <p class="tools"><${SaveButtons} figure=${figure} name=${run ? 'timeline' : 'lanes'} table=${() => laneRows(nodes, now())} /><${TraceLink} run=${run} limit=${chosen} />
      <label>At most <select onChange=${(event) => goQuery({ bars: event.target.value })} value=${chosen}>${LENGTHS.map((each) => html`<option value=${each} selected=${each === chosen}>${number(Number(each))}</option>`)}</select></label></p><${Command} text=${`accio plot ${run && `${run} `}-kind=timeline${chosen === USUAL ? '' : ` -limit=${chosen}`}`} /></figure>`;
}

/** The lanes as a file that ui.perfetto.dev opens. @param {{run: string, limit?: string}} props limit: of a sweep, or the cluster */
export function TraceLink({ run, limit }) {
  return html`<a download="timeline.trace.json" title="For ui.perfetto.dev, and about:tracing of Chrome" href=${apiAddress(`${run && runPath(run)}/timeline.trace.json`, { limit })}>Perfetto trace</a>`;
}
