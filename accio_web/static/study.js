// A study: what it looks for, how far it is, and its best trials.
import { href, html, runPath } from './core.js';
import { Command, number, shown, visible } from './parts.js';
import { numberText } from './pictures/scales.js';

const UNITS = { distance: ' m', duration: ' ms' };

/** A value in as many digits as are read; its title has all of them. */
const Exact = ({ of, unit = '' }) => html`<span title=${shown(of)}>${typeof of !== 'number' || Number.isInteger(of) ? shown(of) : numberText(of)}${unit}</span>`;

/** @param {{run: any}} props of a sweep that is a study */
export function Study({ run }) {
  const { objectives, best, trials, complete, failed, pruned } = run.study;
  const told = [
    `${number(complete + failed + pruned)} of ${number(trials)} trials ended`,
    pruned > 0 && `${number(pruned)} of them early`,
    failed > 0 && `${number(failed)} without a value`,
  ].filter(Boolean).join(', ');
  return html`<section aria-labelledby="study"><h2 id="study">${best.length > 1 ? 'Trials that no other beats' : 'Best trial'}</h2>
    <p>${objectives.map((each) => `${each.direction} ${visible(each.output)}`).join(', ')}: ${told}.</p>
    ${best.length > 0 && html`<div class="scroll"><table class="rows"><caption class="unseen">Best trials</caption>
      <thead><tr><th scope="col">Trial</th>${objectives.map((each) => html`<th scope="col" class="n">${visible(each.output)}</th>`)}${Object.keys(best[0].params).map((name) => html`<th scope="col" class="n">${visible(name)}</th>`)}</tr></thead>
      <tbody>${best.map((trial) => html`<tr key=${trial.number}>
        <td class="what"><a class="row" href=${href(runPath(`${run.id}.${trial.children[0]}`))}>${trial.number}</a>${trial.children.length > 1 && html` <span class="quiet">mean of ${trial.children.length}</span>`}</td>
        ${objectives.map((each, i) => html`<td class="n" data-name=${each.output}><${Exact} of=${trial.values[i]} unit=${UNITS[each.type]} /></td>`)}
        ${Object.entries(trial.params).map(([name, value]) => html`<td class="n" data-name=${name}><${Exact} of=${value} /></td>`)}</tr>`)}</tbody></table></div>`}
    <${Command} text=${`accio describe run ${run.id}`} /></section>`;
}
