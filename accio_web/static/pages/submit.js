// Is this what I mean, and when is it done? A form for every parameter, its JSON beside it, and what it would do.
import { api, go, goQuery, href, html, post, runPath, untilAnswered, useData, useEffect, useRef, useShown, useState } from '../core.js';
import { definitionFrom, hasOtherPoints, issuesAt, withField } from '../forms.js';
import { Notes } from '../notes.js';
import { Command, Copy, Heading, Loaded, NoWorkflow, Problem, quoted, visible } from '../parts.js';
import { split, useForbidden } from '../steering.js';
import { Answer } from '../submission.js';
import { Issues, Parameter } from '../parameter.js';

const WAIT_MS = 300;

export function Page({ address, session }) {
  const [workflow, from, kept] = ['workflow', 'from', 'definition'].map((name) => address.query.get(name) ?? '');
  const [start, set] = useState(kept ? () => read(kept) : null);
  const [error, fail] = useState(null);
  useEffect(() => {
    if (start && kept) return undefined;
    set(null);
    fail(null);
    if (!from) {
      if (workflow) set({ workflow, params: {} });
      return undefined;
    }
    return untilAnswered(() => api(runPath(from)).catch((failed) => { fail(failed); throw failed; }), (run) => {
      fail(hasOtherPoints(run) ? { message: 'The points of that run were listed, or are those of several sweeps together: this form has all combinations of their values. To submit the same again, take the file that it was made of.' } : null);
      set(definitionFrom(run));
    });
  }, [workflow, from, kept === '']);
  return html`<${Heading} text=${start ? `Submit ${start.workflow.split(':')[0]}` : 'Submit'}>${start && html`<a href=${href('/submit')}>Another workflow</a>`}<//>
    <${Problem} error=${error} />
    ${start ? html`<${WithWorkflow} key=${start.workflow} start=${start} session=${session} cache=${address.query.get('cache') ?? 'use'} />` : !from && html`<${Choice} />`}`;
}

function read(text) {
  try {
    const found = JSON.parse(text);
    return typeof found?.workflow === 'string' ? { ...found, params: found.params ?? {} } : null;
  } catch {
    return null;
  }
}

function Choice() {
  const found = useData('/workflows', { limit: 200 });
  return html`<${Loaded} of=${found}>${({ workflows }) => (workflows.length
    ? html`<p>Of which workflow?</p><div class="scroll"><table class="rows"><caption class="unseen">Workflows, pushed last first</caption>
      <thead><tr><th scope="col">Workflow</th><th scope="col">Parameters</th><th scope="col">Notes</th></tr></thead>
      <tbody>${workflows.map((each) => html`<tr key=${each.id}><td class="what"><a class="row" href=${href('/submit', { workflow: each.id })}>${visible(each.name || each.id)}</a>${each.name && html` <code>${visible(each.id)}</code>`}</td>
        <td data-name="Parameters">${each.params.map((param) => visible(param.name)).join(', ')}</td><td data-name="Notes" class="why">${visible(each.notes ?? '')}</td></tr>`)}</tbody></table></div>`
    : html`<${NoWorkflow} />`)}<//>`;
}

function WithWorkflow({ start, session, cache }) {
  const found = useData(`/workflows/${encodeURIComponent(start.workflow)}`);
  return html`<${Loaded} of=${found}>${(workflow) => html`<${Form} workflow=${workflow} start=${start} session=${session} cache=${cache} />`}<//>`;
}

/** The definition is all of the state; the form and the text beside it are two ways to write it. */
function Form({ workflow, start, session, cache }) {
  const [definition, define] = useState(start);
  const [checked, setChecked] = useState({ data: null, error: null, of: '' });
  const [sent, setSent] = useState({ busy: false, error: null });
  const key = useRef({ of: '', key: '' });
  const forbidden = useForbidden(session);
  const shown = useShown();
  const text = JSON.stringify(definition);
  const asked = `${cache} ${text}`;
  useEffect(() => {
    if (definition !== start) goQuery({ workflow: '', from: '', definition: text });
    if (forbidden) return undefined;
    let latest = true;
    const timer = setTimeout(() => post('/check', { definition, cache }).then(
      (data) => latest && setChecked({ data, error: null, of: asked }),
      (error) => latest && setChecked((old) => ({ ...old, error, of: asked })),
    ), WAIT_MS);
    return () => {
      latest = false;
      clearTimeout(timer);
    };
  }, [asked, forbidden]);
  const isOld = checked.of !== asked;
  const submit = async () => {
    if (key.current.of !== asked) key.current = { of: asked, key: fresh() };
    setSent({ busy: true, error: null });
    try {
      const { id } = await post('/submit', { definition, cache, key: key.current.key });
      if (shown.current) go(href(runPath(id)));
    } catch (error) {
      setSent({ busy: false, error });
    }
  };
  const issues = checked.data?.errors ?? [];
  const warnings = checked.data?.warnings ?? [];
  const names = new Set(workflow.params.map((param) => param.name));
  const unknown = Object.keys(definition.params).filter((name) => !names.has(name));
  const placed = (issue) => FIELDS.some((name) => issuesAt([issue], `/${name}`).length) || issuesAt([issue], '/params').length > 0 && issue.path !== '/params' && !unknown.some((name) => issuesAt([issue], `/params/${name}`).length);
  return html`<form class="submit" onSubmit=${(event) => event.preventDefault()}>
    <div class="form">
      ${workflow.notes && html`<div class="quiet"><${Notes} text=${workflow.notes} /></div>`}
      <section aria-labelledby="params"><h2 id="params">Parameters</h2>
        ${workflow.params.length ? workflow.params.map((param) => html`<${Parameter} key=${param.name} param=${param} definition=${definition} define=${define} expansion=${isOld ? null : checked.data?.params[param.name]} issues=${issues} />`) : html`<p class="quiet">This workflow has none.</p>`}</section>
      <section aria-labelledby="about"><h2 id="about">The run</h2><${About} definition=${definition} define=${define} issues=${issues} cache=${cache} /></section>
    </div>
    <div class="beside">
      <${Answer} key=${asked} checked=${checked} isOld=${isOld} issues=${issues.filter((each) => !placed(each))} placed=${issues.filter(placed).length} warnings=${warnings} forbidden=${forbidden} sent=${sent} submit=${submit} />
      <${Text} definition=${definition} define=${define} />
      <${Command} text=${command(definition)} /><p><${Copy} text=${location.href} label="Copy link to this form" /></p>
    </div></form>`;
}

const FIELDS = ['name', 'notes', 'tags', 'repeat', 'seed', 'nice'];

function About({ definition, define, issues, cache }) {
  const [tags, write] = useState('');
  const listed = (definition.tags ?? []).join(', ');
  const set = (name, read = (text) => text) => (event) => define((old) => withField(old, name, read(event.target.value)));
  const whole = (value) => (/^\d{1,15}$/.test(value.trim()) ? Number(value) : value.trim());
  const field = (name, label, value, change, more = {}) => html`<label>${label} <input name=${name} value=${value} onInput=${change} aria-invalid=${issuesAt(issues, `/${name}`).length > 0} ...${more} /><${Issues} of=${issuesAt(issues, `/${name}`)} /></label>`;
  return html`<div class="fields">
    ${field('name', 'Name', definition.name ?? '', set('name'))}
    ${field('repeat', 'Repetitions of each combination', definition.repeat ?? '', set('repeat', whole), { inputmode: 'numeric', placeholder: '1' })}
    ${field('seed', 'Seed', definition.seed ?? '', set('seed', (value) => value.trim()), { placeholder: 'chosen by chance' })}
    ${field('tags', 'Tags, with commas between', split(tags).join(', ') === listed ? tags : listed, (event) => { // a comma stays before another tag follows it
      write(event.target.value);
      define((old) => withField(old, 'tags', split(event.target.value)));
    })}
    <label class="wide">Notes <textarea name="notes" rows="2" value=${definition.notes ?? ''} onInput=${set('notes')}></textarea><${Issues} of=${issuesAt(issues, '/notes')} /></label>
    <label>Known results <select value=${cache} onChange=${(event) => goQuery({ cache: event.target.value === 'use' ? '' : event.target.value })}>
      <option value="use" selected=${cache === 'use'}>take them</option><option value="refresh" selected=${cache === 'refresh'}>execute everything, keep the new ones</option><option value="none" selected=${cache === 'none'}>neither take nor keep any</option></select></label>
    <label>Turn <select name="nice" value=${definition.nice === true ? 'nice' : ''} onChange=${(event) => define((old) => withField(old, 'nice', event.target.value ? true : null))}>
      <option value="" selected=${definition.nice !== true}>in the order of the queue</option><option value="nice" selected=${definition.nice === true}>nice: behind all other runs</option></select><${Issues} of=${issuesAt(issues, '/nice')} /></label>
  </div>`;
}

/** The definition as text; what isn't JSON yet changes nothing. */
function Text({ definition, define }) {
  const [draft, set] = useState(null);
  const [wrong, say] = useState('');
  const shown = JSON.stringify(definition, null, 2);
  const type = (event) => {
    const { value } = event.target;
    set(value);
    const found = read(value);
    if (found) define(found);
    say(found ? '' : 'not a run definition: expected a JSON object with a workflow');
  };
  return html`<details class="json" open><summary>Definition</summary>
    <textarea aria-label="Definition as JSON" spellcheck="false" rows=${Math.min(24, shown.split('\n').length + 1)} value=${draft ?? shown} aria-invalid=${Boolean(wrong)} onInput=${type} onBlur=${() => { set(null); say(''); }}></textarea>
    ${wrong && html`<p class="issue">✗ ${wrong}</p>`}</details>`;
}

/** A key of this form; a call that is repeated after an answer got lost creates nothing twice. */
const fresh = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

function command(definition) {
  const words = Object.entries(definition.params).flatMap(([name, form]) => {
    const of = (value) => quoted(value === null ? `${name}:=null` : `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
    if (Array.isArray(form?.values)) return form.values.map(of);
    return [of(form?.value ?? form)];
  });
  const options = [['name', definition.name], ['repeat', definition.repeat], ['seed', definition.seed], ['tags', definition.tags?.join(',')], ['notes', definition.notes]];
  return ['accio submit', definition.workflow, ...words, ...options.filter(([, value]) => value).map(([name, value]) => quoted(`-${name}=${value}`)), ...(definition.nice === true ? ['-nice'] : [])].join(' ');
}
