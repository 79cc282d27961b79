// What differs? Only the differences first, then outputs on common points with intervals, then both over each other.
import { goQuery, href, html, runPath, useData } from '../core.js';
import { Command, Empty, Heading, Loaded, Time, number, visible } from '../parts.js';
import { Intervals, OnePoint } from '../pictures/intervals.js';
import { Overlay } from '../pictures/overlay.js';
import { Progress, title } from '../runs_table.js';
import { State } from '../states.js';

export function Page({ address }) {
  const runs = [...new Set(address.query.getAll('run'))];
  const all = address.query.get('all') === '1';
  if (runs.length < 2) return html`<${Heading} text="Compare" /><${Choose} runs=${runs} />`;
  return html`<${Heading} text="Compare" /><${Compared} runs=${runs} all=${all} y=${address.query.get('y') ?? ''} />`;
}

function Choose({ runs }) {
  const add = (event) => {
    event.preventDefault();
    const named = String(new FormData(event.target).get('runs')).split(/[\s,]+/).filter(Boolean);
    goQuery({ run: [...runs, ...named] }, { replace: false });
  };
  return html`<${Empty} title="Which runs?"><p>Select two or more in the <a href=${href('/runs')}>list of runs</a>, and choose <i>Compare</i> there; or name them here:</p>
    <form class="filters" onSubmit=${add}><label class="wide">Ids of runs, or beginnings of them <input name="runs" data-search spellcheck="false" autocomplete="off" /></label><button>Compare</button></form><//>`;
}

function Compared({ runs, all, y }) {
  const found = useData('/compare', { run: runs, limit: all ? 1000 : 6 });
  return html`<${Loaded} of=${found}>${(data) => html`<${Content} data=${data} asked=${runs} all=${all} y=${y} />`}<//>`;
}

/** A letter for each run, so that columns stay narrow. */
const letter = (at) => String.fromCharCode(65 + at);

function Content({ data, asked, all, y }) {
  const { runs, differences } = data;
  const [base, ...others] = runs;
  const swap = (id) => goQuery({ run: [id, ...asked.filter((each) => each !== id)] });
  const remove = (id) => goQuery({ run: asked.filter((each) => each !== id) });
  const rows = definitionRows(differences, others.length);
  const numbers = data.numbers[0].filter((name) => data.numbers.every((each) => each.includes(name)));
  return html`
    <div class="scroll"><table class="rows"><caption class="unseen">The runs that are compared</caption>
      <thead><tr><th scope="col"><span class="unseen">Letter</span></th><th scope="col">Run</th><th scope="col">State</th><th scope="col">Progress</th><th scope="col">Created</th><th scope="col">Do</th></tr></thead>
      <tbody>${runs.map((run, at) => html`<tr key=${run.id}><td><span class=${`letter s${at % 8}`}>${letter(at)}</span></td><td class="what"><a class="row" href=${href(runPath(run.id))}>${visible(title(run))}</a> <code>${run.id}</code></td>
        <td data-name="State"><${State} of=${run.state} /></td><td data-name="Progress"><${Progress} run=${run} /></td><td data-name="Created"><${Time} at=${run.created_at} /></td>
        <td>${at === 0 ? html`<span class="quiet">the base</span>` : html`<button type="button" onClick=${() => swap(asked[at])}>Make it the base</button>`} ${runs.length > 2 && html`<button type="button" class="quiet" onClick=${() => remove(asked[at])}>Leave out</button>`}</td></tr>`)}</tbody></table></div>
    <section aria-labelledby="definitions"><h2 id="definitions">How they were made</h2>
      ${rows.length ? html`<div class="scroll"><table class="rows compare"><caption class="unseen">What differs of their definitions</caption><thead><tr><th scope="col">What</th>${runs.map((_, at) => html`<th scope="col">${letter(at)}</th>`)}</tr></thead>
        <tbody>${rows.map((row) => html`<tr><th scope="row">${visible(row.name)}</th>${row.cells.map((cell, at) => html`<td data-name=${letter(at)} class=${at && cell !== row.cells[0] ? 'differs' : ''}>${visible(cell || '–')}</td>`)}</tr>`)}</tbody></table></div>`
    : html`<p>Nothing differs: same workflow, version, parameters, seed and code of operators.</p>`}
      ${others.filter((run) => run.workflow.version !== base.workflow.version).map((run) => html`<p><a href=${versionsPath(base.workflow, run.workflow)}>What changed between their workflows</a> <span class="quiet">(${letter(0)} and ${letter(runs.indexOf(run))})</span></p>`)}</section>
    ${runs.every((run) => run.kind === 'parent') && numbers.length > 0 && html`<section aria-labelledby="over"><h2 id="over">Over each other</h2>
      <div class="filters"><label>Result <select value=${numbers.includes(y) ? y : numbers[0]} onChange=${(event) => goQuery({ y: event.target.value })}>${numbers.map((each) => html`<option value=${each} selected=${each === y}>${each}</option>`)}</select></label></div>
      <div class="pictures">${['line', 'cdf'].map((kind) => html`<${Overlay} key=${kind} kind=${kind} runs=${runs} y=${numbers.includes(y) ? y : numbers[0]} letter=${letter} />`)}</div></section>`}
    ${runs.every((run) => run.kind !== 'parent') && html`<${SeriesOver} runs=${runs} />`}
    <section aria-labelledby="outputs"><h2 id="outputs">Outputs on common points</h2>
      ${differences.map((each, at) => html`<${Outputs} of=${each} shared=${runs[0].workflow.id === others[at].workflow.id || data.numbers[at + 1].some((one) => data.numbers[0].includes(one))} first=${letter(0)} second=${letter(at + 1)} name=${title(others[at])} />`)}
      ${!all && differences.some((each) => each.outputs.some((output) => output.differing > output.points.length)) && html`<p><button type="button" onClick=${() => goQuery({ all: '1' })}>Show more points</button></p>`}</section>
    ${others.map((run) => html`<${Command} text=${`accio diff ${base.id} ${run.id}`} />`)}`;
}

const versionsPath = (first, second) => href(`/workflows/${encodeURIComponent(second.id)}/differences`, { from: first.id === second.id ? first.version : `${first.id}:${first.version}`, to: second.version });

/** What single runs and children measured at steps, over each other: a picture for each series of the base. */
function SeriesOver({ runs }) {
  const names = useData(`${runPath(runs[0].id)}/results`).data?.series ?? [];
  return names.length > 0 && html`<section aria-labelledby="series"><h2 id="series">Series over each other</h2>
    <div class="pictures">${names.map((name) => html`<${Overlay} key=${name} kind="curves" runs=${runs} y=${name} letter=${letter} />`)}</div></section>`;
}

/** Facts, parameters and operators in which any run differs from the base: {name, cells}. */
export function definitionRows(differences, others) {
  const rows = new Map();
  const put = (name, at, first, second) => {
    if (!rows.has(name)) rows.set(name, Array(others + 1).fill(null));
    rows.get(name)[0] = first;
    rows.get(name)[at + 1] = second;
  };
  differences.forEach(({ facts, params, operators }, at) => {
    for (const each of facts) put(each.name, at, each.first, each.second);
    for (const each of params) put(`param ${each.name}`, at, each.first, each.second);
    for (const each of operators) put(`operator of ${each.node}`, at, each.first, each.first === each.second ? codeOf(each) : each.second);
  });
  return [...rows].map(([name, cells]) => ({ name, cells: cells.map((cell) => cell ?? cells[0]) }));
}

const codeOf = (each) => `${each.second}: ${each.components.map((part) => `${part.component} ${part.before && part.after ? 'changed' : part.after ? 'is new' : 'is gone'}`).join(', ')}`;

function Outputs({ of, first, second, name, shared }) {
  const { outputs, only_first: onlyFirst, only_second: onlySecond, obstacle } = of;
  const single = outputs.filter((output) => output.common === 1 && output.points.length === 1); // in one table
  const remarks = [onlyFirst && `${number(onlyFirst)} ${onlyFirst === 1 ? 'point is' : 'points are'} only in ${first}`, onlySecond && `${number(onlySecond)} ${onlySecond === 1 ? 'point is' : 'points are'} only in ${second}`].filter(Boolean);
  return html`<h3>${second} − ${first}: ${visible(name)}</h3>
    ${obstacle && html`<p class="quiet">They weren't compared: ${visible(obstacle)}.</p>`}
    ${remarks.length > 0 && html`<p class="quiet">${remarks.join('; ')}.</p>`}
    ${!outputs.length && !obstacle && html`<p>${shared ? 'No output differs on the points that both have.' : 'They have no result that is a number in common.'}</p>`}
    ${single.length > 1 && html`<${OnePoint} outputs=${single} first=${first} second=${second} />`}
    ${outputs.filter((output) => single.length < 2 || !single.includes(output)).map((output) => html`<${Intervals} output=${output} first=${first} second=${second} />`)}`;
}
