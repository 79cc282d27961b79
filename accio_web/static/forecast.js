// When something will have ended, in the words of the command line.
import { html, now } from './core.js';
import { visible } from './parts.js';

/** @type {[string, number, number][]} */
const UNITS = [['s', 1, 90], ['min', 60, 5400], ['h', 3600, 172_800], ['d', 86_400, Infinity]];

function spoken(seconds) {
  const [unit, length] = UNITS.find(([, , most]) => seconds < most);
  const amount = seconds / length;
  return [amount < 10 && unit !== 's' ? amount.toFixed(1).replace(/\.0$/, '') : amount.toFixed(0), unit];
}

/** A range of time: "2 to 5 min", "50 s to 3 min", "less than 1 s". */
export function ranged(low, high) {
  if (high < 1) return 'less than 1 s';
  const [[first, firstUnit], [last, lastUnit]] = [spoken(low), spoken(high)];
  if (firstUnit !== lastUnit) return `${first} ${firstUnit} to ${last} ${lastUnit}`;
  return first === last ? `${last} ${lastUnit}` : `${first} to ${last} ${lastUnit}`;
}

/** @param {{of: any, brief?: boolean}} props a forecast; where it isn't known, why */
export function Ending({ of, brief = false }) {
  if (!of) return '–';
  if (of.low_s !== null) return html`<span title=${`about ${new Date(now() + of.low_s * 1000).toLocaleString()} to ${new Date(now() + of.high_s * 1000).toLocaleString()}`}>in ${ranged(of.low_s, of.high_s)}</span>`;
  const word = of.never ? html`<span class="state lost">↯ not with these agents</span>` : brief ? 'unknown' : 'when it ends is unknown';
  return brief ? html`<span title=${visible(of.why ?? '')}>${word}</span>` : html`${word}${of.why && `: ${visible(of.why)}`}`;
}

/** The processor time of a forecast, whose results aren't looked for in the memo: "at most 2 to 5 min"; null where it isn't known. */
export function cpuTime(forecast) {
  if (!forecast || forecast.low_s === null) return null;
  const time = ranged(forecast.cpu_low_s, forecast.cpu_high_s);
  return `${forecast.cpu_high_s < 1 ? '' : 'at most '}${time} of processor time`;
}

/** What a node reserves: "2 cpus, 1.5 GiB". */
export function reserves(resources, bytes) {
  const parts = [resources.cpus && `${resources.cpus} ${resources.cpus === 1 ? 'cpu' : 'cpus'}`, resources.memory && bytes(resources.memory), resources.gpus && `${resources.gpus} ${resources.gpus === 1 ? 'gpu' : 'gpus'}`,
    ...Object.entries(resources.custom ?? {}).map(([name, amount]) => `${amount} ${name}`)];
  return parts.filter(Boolean).join(', ') || 'nothing';
}
