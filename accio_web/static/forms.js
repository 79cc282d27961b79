// Parameter forms of run definitions: from JSON to what a person edits, and back. Plain functions, tested as such.

const WHOLE = ['byte', 'integer', 'long'];
const NUMBERS = [...WHOLE, 'double'];
const RANGED = [...NUMBERS, 'distance', 'duration', 'timestamp'];
const LOGGED = ['double', 'distance', 'duration'];
const LOG_KEYS = ['log', 'log10', 'log2'];

export const MODES = {
  default: 'default', value: 'one value', values: 'list of values', range: 'range by step', log: 'geometric range', count: 'evenly spaced',
};

/** How a value of each kind is written. */
export const EXAMPLES = {
  byte: '1', integer: '10', long: '10', double: '0.01', string: 'text', distance: '200.meters', duration: '15.minutes',
  timestamp: '2026-01-31T08:00:00Z', location: '48.85,2.35', dataset: '/absolute/path',
};

/** The ways to write a parameter. @param {{kind: string, default_value?: any}} param @returns {string[]} */
export function modesOf(param) {
  const ranges = RANGED.includes(param.kind) ? ['range', ...(LOGGED.includes(param.kind) ? ['log'] : []), 'count'] : [];
  return [...('default_value' in param ? ['default'] : []), 'value', 'values', ...ranges];
}

/** The values of which a parameter has one; none where any value of its kind does. @param {{kind: string, choices?: any[]}} param @returns {any[]} */
export const choicesOf = (param) => param.choices ?? (param.kind === 'boolean' ? [true, false] : []);

const isObject = (form) => form !== null && typeof form === 'object' && !Array.isArray(form);

/** Which way a form is written in; null for one that is none. @param {any} form undefined where it isn't given */
export function modeOf(form) {
  if (form === undefined) return 'default';
  if (Array.isArray(form)) return null;
  if (!isObject(form) || 'value' in form) return 'value';
  if ('values' in form) return Array.isArray(form.values) ? 'values' : null;
  if (!('from' in form || 'to' in form)) return null;
  if ('count' in form) return 'count';
  return isLog(form) ? 'log' : 'range';
}

export const isLog = (form) => LOG_KEYS.some((key) => form[key] === true);

/** A value as it is typed: texts as they are, everything else as JSON. */
export const typed = (value) => (value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value));

const isText = (kind) => kind === 'string' || kind === 'dataset';

/** How no value is typed: a text may well be "null". */
export const noValueOf = (kind) => (isText(kind) ? ':=null' : 'null');

/** A value of a parameter as it is typed; undefined is one that wasn't given yet. */
export const typedOf = (kind, value) => (value === null ? noValueOf(kind) : typed(value));

/** What was typed, as a value of a kind: a number where one is meant and nothing of it gets lost, else the text. */
export function valueOf(kind, text) {
  if (text.trim() === noValueOf(kind)) return null;
  const trimmed = kind === 'string' ? text : text.trim();
  if (NUMBERS.includes(kind) && /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)) {
    const found = Number(trimmed);
    if (Number.isFinite(found) && (!WHOLE.includes(kind) || Number.isSafeInteger(found))) return found;
  }
  if (kind === 'boolean' && (trimmed === 'true' || trimmed === 'false')) return trimmed === 'true';
  if (/^(list|set|map)\(/.test(kind)) {
    try {
      return JSON.parse(trimmed);
    } catch {
      return trimmed; // the daemon says what is wrong with it
    }
  }
  return trimmed;
}

/** One value as a form: arrays and objects say that they are values. */
export const asForm = (value) => (value !== null && typeof value === 'object' ? { value } : value);

/** The only value of a form in the way "value". */
export const oneOf = (form) => (isObject(form) ? form.value : form);

const hasCommas = (kind) => ['string', 'dataset', 'location'].includes(kind) || /^(list|set|map)\(/.test(kind);

/** Whether a list of values of a kind is typed with a line for each. */
export const isByLine = hasCommas;

export const listText = (kind, values) => values.map((value) => typedOf(kind, value)).join(hasCommas(kind) ? '\n' : ', ');

export function listOf(kind, text) {
  const parts = text.split(hasCommas(kind) ? '\n' : ',').filter((part) => part.trim());
  return parts.map((part) => valueOf(kind, part));
}

/** A form in another way, keeping what both have; a list of values of which there are but some begins with all. @param {{kind: string, default_value?: any}} param */
export function changed(param, form, mode) {
  const first = form === undefined ? param.default_value : isObject(form) ? form.value ?? form.values?.[0] ?? form.from : form;
  const last = isObject(form) ? form.values?.at(-1) ?? form.to : undefined;
  const [from, to] = [first ?? '', last ?? ''];
  switch (mode) {
    case 'default': return undefined;
    case 'value': return asForm(first ?? '');
    case 'values': return { values: isObject(form) && Array.isArray(form.values) ? form.values : first === undefined ? choicesOf(param) : [first] };
    case 'log': return { from, to, log: true };
    case 'count': return { from, to, count: 5, ...(isObject(form) && isLog(form) ? { log: true } : {}) };
    default: return { from, to, step: NUMBERS.includes(param.kind) ? 1 : '' };
  }
}

/** A definition with one parameter as *form*; undefined takes it out. */
export function withParam(definition, name, form) {
  const params = { ...definition.params };
  if (form === undefined) delete params[name];
  else params[name] = form;
  return { ...definition, params };
}

/** A definition with a field set, or without it where there is nothing to say. */
export function withField(definition, name, value) {
  const next = { ...definition };
  if (value === '' || value === null || value === undefined || (Array.isArray(value) && !value.length)) delete next[name];
  else next[name] = value;
  return next;
}

/** The issues that belong to a field of the form. */
export const issuesAt = (issues, pointer) => issues.filter((each) => each.path === pointer || each.path.startsWith(`${pointer}/`));

export const pointerOf = (name) => `/params/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;

/** The definition that repeats a run; what was decided by chance isn't part of it. */
export function definitionFrom(run) {
  const params = Object.fromEntries(Object.entries(run.params).map(([name, value]) => [name, run.forms[name] > 1 ? value : asForm(value)]));
  const repeat = run.kind === 'parent' && run.repeat > 1 ? { repeat: run.until ? { until: { output: run.until.output, ci95: run.until.relative ? `${run.until.ci95 * 100}%` : run.until.ci95 }, min: run.until.min, max: run.repeat } : run.repeat } : {};
  const { name, notes, tags, nice } = run;
  const sweep = Object.fromEntries(Object.entries(sweepOf(run)).filter(([key]) => !LISTED.includes(key)));
  return { workflow: `${run.workflow.id}:${run.workflow.version}`, ...(name && { name }), ...(notes && { notes }), ...(tags.length && { tags }), params, ...sweep, ...repeat, ...(nice && { nice }) };
}

const LISTED = ['points', 'union']; // of which a run tells less than its definition did

/** What says which points a sweep has: values that go together, a condition, a sample, a study. */
const sweepOf = (run) => (run.kind === 'parent' && run.sweep) || {};

/** Whether a definition that is made of a run has other points than that run. */
export const hasOtherPoints = (run) => LISTED.some((key) => key in sweepOf(run));
