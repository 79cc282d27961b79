// What a definition would do, and the button that does it.
import { html, useState } from './core.js';
import { Ending, cpuTime } from './forecast.js';
import { Issues } from './parameter.js';
import { Problem, number, visible } from './parts.js';

/** Nodes and seconds above which the reader has to type how many nodes there are. */
export const MANY = 100_000;
export const LONG_S = 24 * 3600;

export function Answer({ checked, isOld, issues, placed, warnings, forbidden, sent, submit }) {
  const [said, say] = useState('');
  const found = isOld ? null : checked.data?.dry_run;
  const many = found && (found.to_execute > MANY || (found.forecast?.high_s ?? 0) > LONG_S);
  const ready = found && !forbidden && !sent.busy && (!many || Number(said.replaceAll(',', '')) === found.to_execute);
  return html`<section class="answer" aria-label="What it would do" aria-busy=${isOld && !forbidden}>
    ${found ? html`<${Numbers} found=${found} />` : html`<p class="quiet big" role="status">${status(checked, isOld, forbidden, placed)}</p>`}
    <${Issues} of=${isOld ? [] : issues} />
    ${!isOld && warnings.map((each) => html`<p class="warning">${each.path.startsWith('/params') && html`<code>${visible(each.path)}</code> `}${visible(each.message)}</p>`)}
    <${Problem} error=${isOld ? null : checked.error} /><${Problem} error=${sent.error} />
    ${many && html`<label>That is much. To go on, type how many nodes are to be executed: <input value=${said} onInput=${(event) => say(event.target.value)} inputmode="numeric" placeholder=${number(found.to_execute)} /></label>`}
    <button type="button" class="main" disabled=${!ready} title=${forbidden || undefined} onClick=${submit}>${sent.busy ? 'Submitting …' : 'Submit'}</button>
  </section>`;
}

function status(checked, isOld, forbidden, placed) {
  if (forbidden) return `${forbidden}: nothing can be submitted.`;
  if (isOld) return 'Looking what it would do …';
  return placed ? `${placed === 1 ? 'A field is' : `${placed} fields are`} not right yet.` : 'It can not be submitted like this.';
}

function Numbers({ found }) {
  const about = found.sampled ? 'about ' : '';
  return html`<p class="big"><b>${number(found.children)}</b> ${found.children === 1 ? 'run' : 'runs'}, <b>${about}${number(found.to_execute)}</b> ${found.to_execute === 1 ? 'node' : 'nodes'} to execute</p>
    <dl class="inline"><div><dt>Nodes</dt><dd>${number(found.nodes)}</dd></div><div><dt>Distinct</dt><dd>${number(found.distinct_nodes)}</dd></div>
      <div><dt>Results known</dt><dd>${about}${number(found.cached)}</dd></div>${found.unknown > 0 && html`<div><dt>Not known yet</dt><dd>${number(found.unknown)}</dd></div>`}</dl>
    ${found.forecast && found.to_execute + found.unknown > 0 && html`<p>${found.forecast.low_s !== null && 'It ends '}<b><${Ending} of=${found.forecast} /></b>${cpuTime(found.forecast) && html`<span class="quiet">; ${cpuTime(found.forecast)}</span>`}</p>`}
    ${found.nice && html`<p class="quiet">Nice: it stands behind all runs that aren't, also later ones.</p>`}
    ${found.sampled && html`<p class="quiet">Estimated from ${number(found.looked_up)} of the distinct nodes.</p>`}`;
}
