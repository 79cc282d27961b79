// The pictures of a sweep: what it shows by itself, and what its reader asks for.
import { goQuery, html, runPath, useData } from './core.js';
import { Empty, Loaded } from './parts.js';
import { Failures } from './failures.js';
import { Picture } from './pictures/picture.js';
import { QueryBox } from './query.js';
import { ended } from './runs_table.js';

const LABELS = {
  curves: 'Curves: what nodes measured at steps',
  trials: 'Trials of the study',
  line: 'Line: mean and interval', heat: 'Heat map of the mean', states: 'Map of states', failures: 'Map of failures',
  importance: 'Importance of parameters', parallel: 'Parallel coordinates', cdf: 'Distribution, cumulated', pdf: 'Distribution, density', scatter: 'Scatter of two results',
};
const WITHOUT_SERIES = ['scatter', 'importance', 'parallel', 'trials'];
const OVER_TWO = ['heat', 'states', 'failures'];

/** Which pictures a sweep with these parameters can have. */
export function kindsFor(results) {
  const maps = results.axes.length + (results.repeat > 1 ? 1 : 0) >= 2;
  return Object.keys(LABELS).filter((kind) => {
    if (OVER_TWO.includes(kind)) return maps && (kind !== 'heat' || results.numbers.length > 0);
    if (kind === 'curves') return results.series.length > 0;
    if (kind === 'trials') return results.objectives.length > 0;
    if (kind === 'scatter') return results.numbers.length > 1;
    return results.numbers.length > 0 && (!['line', 'parallel'].includes(kind) || results.axes.length > 0);
  });
}

export function Overview({ run, where, serial }) {
  const found = useData(`${runPath(run.id)}/results`);
  const failed = run.nodes_by_state.failed ?? 0;
  return html`<${QueryBox} where=${where} run=${run.id} label="Only children where" placeholder="epsilon<0.01 state=success" />
    <${Loaded} of=${found}>${(results) => html`<${Sensible} run=${run} where=${where} serial=${serial} results=${results} />`}<//>
    ${failed > 0 && html`<section aria-label="Failures"><h2>Failures</h2><${Failures} run=${run} where=${where} serial=${serial} brief=${true} /></section>`}`;
}

function Sensible({ run, where, serial, results }) {
  const kinds = kindsFor(results);
  const y = results.numbers[0];
  const done = (run.children.by_state.success ?? 0) > 0;
  const isStudy = results.objectives.length > 0; // its points lie anywhere: maps and means over one parameter show little of them
  const shares = kinds.includes('importance') && results.axes.length + (results.repeat > 1 ? 1 : 0) > 1; // one of one is all
  const half = isStudy ? [
    { kind: 'trials' },
    kinds.includes('curves') && { kind: 'curves', y: results.series[0] },
    done && shares && { kind: 'importance', y: results.objectives[0] },
  ].filter(Boolean) : [
    kinds.includes('states') && { kind: 'states' },
    done && kinds.includes('line') && { kind: 'line', y },
    done && kinds.includes('heat') && results.axes.length > 1 && { kind: 'heat', y },
    done && shares && { kind: 'importance', y },
    kinds.includes('curves') && { kind: 'curves', y: results.series[0] },
  ].filter(Boolean);
  if (done && kinds.includes('cdf') && half.length % 2) half.push({ kind: 'cdf', y: isStudy ? results.objectives[0] : y }); // two of them stand beside each other
  const parallel = done && kinds.includes('parallel') && (isStudy || results.axes.length > 2);
  const shown = [...half, ...(parallel ? [{ kind: 'parallel', y: isStudy ? results.objectives[0] : y }] : [])];
  return html`<h2 class="unseen">Pictures</h2><div class="pictures">${shown.map((asked) => html`<${Picture} key=${asked.kind} run=${run.id} asked=${{ ...asked, where }} serial=${serial} />`)}</div>
    ${!done && (ended(run) ? html`<${Empty} title="No child has succeeded"><p>There are no results to draw.</p><//>`
    : html`<${Empty} title="No child has succeeded yet"><p>Pictures of results are drawn as soon as one has.</p><//>`)}`;
}

export function Pictures({ run, where, serial, address }) {
  const found = useData(`${runPath(run.id)}/results`);
  return html`<${QueryBox} where=${where} run=${run.id} label="Only children where" placeholder="epsilon<0.01 state=success" />
    <${Loaded} of=${found}>${(results) => html`<${Chosen} run=${run} where=${where} serial=${serial} results=${results} query=${address.query} />`}<//>`;
}

function Chosen({ run, where, serial, results, query }) {
  const kinds = kindsFor(results);
  if (!kinds.length) return html`<${Empty} title="There is nothing to draw"><p>This sweep has no results that are numbers, and fewer than two parameters that vary.</p><//>`;
  const kind = kinds.includes(query.get('kind')) ? query.get('kind') : kinds[0];
  const ofResult = !['states', 'failures'].includes(kind);
  const several = kind === 'trials' && results.objectives.length > 1;
  const axes = [...results.axes.map((axis) => axis.name), ...(results.repeat > 1 && OVER_TWO.includes(kind) ? ['repeat'] : [])];
  const among = (name, choices) => (choices.includes(query.get(name)) ? query.get(name) : '');
  const y = kind === 'trials' ? among('y', results.objectives) : kind === 'curves' ? among('y', results.series) || results.series[0] : ofResult ? among('y', results.numbers) || results.numbers[0] : '';
  const x = kind === 'trials' ? among('x', results.objectives.filter((name) => name !== y)) : kind === 'scatter' ? among('x', results.numbers) || results.numbers.find((name) => name !== y) : ['cdf', 'pdf', 'importance', 'parallel', 'curves'].includes(kind) ? '' : among('x', axes);
  const by = WITHOUT_SERIES.includes(kind) ? '' : among('by', axes.filter((name) => name !== x));
  const median = kind === 'line' && query.get('median') === '1' ? '1' : '';
  const choose = (name) => (event) => goQuery({ [name]: event.target.value });
  const choice = (name, label, value, choices, none) => html`<label>${label} <select onChange=${choose(name)} value=${value}>
    ${none && html`<option value="" selected=${!value}>${none}</option>`}${choices.map((each) => html`<option value=${each} selected=${each === value}>${each}</option>`)}</select></label>`;
  return html`<h2 class="unseen">The picture</h2><div class="filters">
      <label>Picture <select onChange=${choose('kind')} value=${kind}>${kinds.map((each) => html`<option value=${each} selected=${each === kind}>${LABELS[each]}</option>`)}</select></label>
      ${several && html`${choice('y', 'Objective', y, results.objectives, 'the second, against the first')}${y && choice('x', 'Against', x, results.objectives.filter((name) => name !== y), 'the trials')}`}
      ${ofResult && kind !== 'trials' && choice('y', kind === 'curves' ? 'Series' : 'Result', y, kind === 'curves' ? results.series : results.numbers)}
      ${kind === 'scatter' ? choice('x', 'Against', x, results.numbers) : (kind === 'line' || OVER_TWO.includes(kind)) && choice('x', 'Along', x, axes, 'what has most values')}
      ${!WITHOUT_SERIES.includes(kind) && choice('by', OVER_TWO.includes(kind) ? 'And' : 'A line for each', by, axes.filter((name) => name !== x), OVER_TWO.includes(kind) ? 'the next one' : 'nothing')}
      ${kind === 'line' && html`<label class="check"><input type="checkbox" checked=${Boolean(median)} onChange=${(event) => goQuery({ median: event.target.checked ? '1' : '' })} /> Median and quartiles</label>`}
    </div>
    <${Picture} run=${run.id} asked=${{ kind, y, x, by, median, where }} serial=${serial} large=${true} />`;
}
