// What a reader has chosen on this browser: kept there, and nowhere else.
const KEY = 'accio.preferences';
const DEFAULTS = { time: 'local', density: 'comfortable' };

function kept() {
  try {
    return { ...JSON.parse(localStorage.getItem(KEY) ?? '{}') };
  } catch {
    return {}; // storage may be forbidden, or hold something else
  }
}

const read = () => ({ ...DEFAULTS, ...kept() });
let known = read();

const apply = () => { document.documentElement.dataset.density = known.density; };
apply();

addEventListener('storage', (event) => { // another tab has changed some
  if (event.key !== KEY) return;
  known = read();
  apply();
});

export const preference = (name) => known[name];

export function prefer(name, value) {
  known = { ...known, ...kept(), [name]: value }; // what other tabs have chosen meanwhile stays
  try {
    localStorage.setItem(KEY, JSON.stringify(known));
  } catch { /* it holds until the page is left */ }
  apply();
}

const two = (value) => String(value).padStart(2, '0');

/** A time as a text, in the zone that the reader prefers. @param {string} at */
export function exactTime(at, zone = known.time) {
  if (zone === 'utc') return at;
  const when = new Date(at);
  const offset = -when.getTimezoneOffset();
  const sign = offset < 0 ? '-' : '+';
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
  return `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())} ${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())} ${sign}${two(hours)}:${two(minutes)}`;
}

/** The same without seconds and zone, for what is planned: today only the hour. @param {string} at */
export function minuteOf(at) {
  const [day, hour] = exactTime(at).split(/[ T]/);
  const today = exactTime(new Date().toISOString()).slice(0, 10) === day;
  return `${today ? '' : `${day} `}${hour.slice(0, 5)}${known.time === 'utc' ? ' UTC' : ''}`;
}
