// From values to places: linear, logarithmic and categorical axes with their ticks. Plain functions, tested as such.

/** A short text of a number. */
export function numberText(value) {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(2).replace(/\.?0+e/, 'e').replace('e+', 'e');
  return String(Number(value.toPrecision(4)));
}

function niceStep(span, most) {
  const raw = span / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= raw * 0.999999);
}

/**
 * An axis from *low* to *high* onto places from *from* to *to*.
 * @param {{scale: string, low: number, high: number, from: number, to: number, most?: number, ticks?: [number, string][]}} axis
 */
export function axisOf({ scale, low, high, from, to, most = 6, ticks = null }) {
  const isLog = scale === 'log' && low > 0;
  const into = isLog ? Math.log10 : (value) => value;
  let [first, last] = [into(low), into(high)];
  if (first === last) [first, last] = [first - 0.5, last + 0.5];
  const place = (value) => from + ((into(value) - first) / (last - first)) * (to - from);
  return { place, ticks: ticks ?? (isLog ? logTicks(low, high, most) : linearTicks(first, last, most)) };
}

function linearTicks(low, high, most) {
  const step = niceStep(high - low, most);
  const ticks = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at += 1) {
    const value = Number((at * step).toPrecision(12));
    ticks.push([value, numberText(value)]);
  }
  return ticks;
}

function logTicks(low, high, most) {
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  if (last - first < 1) return linearTicks(low, high, most);
  const every = Math.ceil((last - first + 1) / most);
  const ticks = [];
  for (let power = first; power <= last; power += every) ticks.push([10 ** power, numberText(Number(`1e${power}`))]);
  return ticks;
}

/** At most *most* of some texts, evenly spread, with their places. */
export function someTicks(texts, most) {
  const every = Math.max(1, Math.ceil(texts.length / most));
  return texts.map((text, at) => [at, text]).filter(([at]) => at % every === 0);
}

/** The lowest and highest of numbers; null among them are left out. */
export function bounds(numbers) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of numbers) {
    if (value === null) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}

// Cividis, readable by people who don't tell red from green, at nine places.
const CIVIDIS = [[0, 34, 78], [27, 54, 109], [65, 77, 107], [95, 99, 108], [124, 123, 120], [155, 148, 119], [188, 175, 109], [222, 202, 88], [254, 232, 56]];

/** The colour of a share from 0 to 1, as [red, green, blue]. */
export function cividis(share) {
  const at = Math.min(1, Math.max(0, share)) * (CIVIDIS.length - 1);
  const low = Math.min(CIVIDIS.length - 2, Math.floor(at));
  return CIVIDIS[low].map((value, i) => Math.round(value + (CIVIDIS[low + 1][i] - value) * (at - low)));
}

/** The text of a value for a place of *most* characters: a number loses digits before a text loses its end. */
export function tickText(text, most) {
  const value = text.length > Math.min(most, 9) && text.trim() ? Number(text) : NaN;
  return Number.isFinite(value) ? numberText(value) : short(text, most);
}

/** A text that fits into *most* characters. */
export const short = (text, most) => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);
