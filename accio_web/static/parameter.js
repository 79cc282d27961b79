// A row of the form: a parameter, how it is written, what it stands for, and what is wrong with it.
import { html, useState } from './core.js';
import { EXAMPLES, MODES, asForm, changed, choicesOf, isByLine, isLog, issuesAt, listOf, listText, modeOf, modesOf, oneOf, pointerOf, typed, typedOf, valueOf, withParam } from './forms.js';
import { form as formText, number, shown, visible } from './parts.js';

/** @param {{of: any[]}} props */
export const Issues = ({ of }) => of.map((each) => html`<span class="issue" role="status">✗ ${visible(each.message)}${each.suggestion && html`; did you mean <code>${visible(each.suggestion)}</code>?`}</span>`);

/** @param {{param: any, definition: any, define: (definition: any) => void, expansion: any, issues: any[]}} props */
export function Parameter({ param, definition, define, expansion, issues }) {
  const form = definition.params[param.name];
  const found = issuesAt(issues, pointerOf(param.name));
  const lacks = form === undefined && found.length > 0; // nothing was written yet, which is no mistake
  const modes = modesOf(param);
  const mode = form === undefined && !modes.includes('default') ? 'value' : modeOf(form);
  const set = (next) => define((old) => withParam(old, param.name, next));
  const Fields = FIELDS[mode] ?? Unreadable;
  return html`<div class="param" role="group" aria-label=${param.name}>
    <span class="name"><b>${visible(param.name)}</b> <code>${param.kind}</code></span>
    <select aria-label=${`How ${param.name} is given`} value=${mode} onChange=${(event) => set(changed(param, form, event.target.value))}>
      ${modes.map((each) => html`<option value=${each} selected=${each === mode}>${MODES[each]}</option>`)}</select>
    <div class="inputs"><${Fields} param=${param} form=${form} set=${set} wrong=${found.length > 0 && !lacks} /></div>
    <p class="quiet">${param.help && html`${visible(param.help)}${mode !== 'value' && mode !== 'default' && expansion && html`<br />`}`}${mode !== 'value' && mode !== 'default' && expansion && html`<output>${number(expansion.values)} ${expansion.values === 1 ? 'value' : 'values'}: ${visible(expansion.text)}</output>`}</p>
    ${lacks ? html`<p class="quiet" role="status">It needs a value.</p>` : html`<${Issues} of=${found} />`}
  </div>`;
}

/** An input that keeps what was typed as long as it means what the definition has. */
function Input({ label, text, of, change, wrong, example = '', lines = false, ...more }) {
  const [draft, set] = useState(null);
  const value = draft !== null && of(draft) === of(text) ? draft : text;
  const type = (event) => {
    set(event.target.value);
    change(event.target.value);
  };
  const common = { 'aria-label': label, 'aria-invalid': wrong, value, onInput: type, placeholder: example, spellcheck: false, autocomplete: 'off' };
  return lines ? html`<textarea rows=${Math.min(8, value.split('\n').length + 1)} ...${common} ...${more}></textarea>` : html`<input ...${common} ...${more} />`;
}

const Default = ({ param }) => html`<span class="default">${shown(param.default_value)}</span>`;

function Value({ param, form, set, wrong }) {
  const choices = choicesOf(param);
  if (choices.length > 0) {
    const at = choices.indexOf(oneOf(form));
    const none = at < 0 || !('default_value' in param); // what was chosen can be taken back
    return html`<select aria-label=${param.name} aria-invalid=${wrong} value=${at} onChange=${(event) => set(choices[Number(event.target.value)])}>
      ${none && html`<option value="-1" selected=${at < 0}>${at < 0 && form !== undefined ? visible(typedOf(param.kind, oneOf(form))) : '–'}</option>`}${choices.map((each, place) => html`<option value=${place} selected=${place === at}>${each === '' ? '""' : visible(String(each))}</option>`)}</select>`;
  }
  const of = (text) => JSON.stringify(valueOf(param.kind, text));
  return html`<${Input} label=${param.name} text=${typedOf(param.kind, oneOf(form))} of=${of} wrong=${wrong} example=${EXAMPLES[param.kind] ?? ''} change=${(text) => set(text.trim() || param.kind === 'string' ? asForm(valueOf(param.kind, text)) : undefined)} />`;
}

function Values({ param, form, set, wrong }) {
  const lines = isByLine(param.kind);
  const of = (text) => JSON.stringify(listOf(param.kind, text));
  return html`<${Input} label=${`${param.name}: values, ${lines ? 'a line for each' : 'with commas between'}`} text=${listText(param.kind, form.values)} of=${of} wrong=${wrong} lines=${lines}
    example=${lines ? choicesOf(param).join('\n') || 'a line for each value' : `${EXAMPLES[param.kind] ?? ''}, …`} change=${(text) => set({ values: listOf(param.kind, text) })} />`;
}

function Bound({ param, form, set, name, label, kind = param.kind, wrong, example = EXAMPLES[kind] ?? '' }) {
  const of = (text) => JSON.stringify(valueOf(kind, text));
  const change = (text) => {
    const { [name]: _, ...rest } = form;
    const value = valueOf(kind, text);
    set(value === '' && !['from', 'to'].includes(name) ? rest : { ...form, [name]: value });
  };
  return html`<label>${label} <${Input} label=${`${param.name}: ${label}`} text=${typed(form[name])} of=${of} change=${change} wrong=${wrong} example=${example} /></label>`;
}

const Ends = (props) => html`<${Bound} ...${props} name="from" label="from" /><${Bound} ...${props} name="to" label="to" />`;
const Range = (props) => html`<${Ends} ...${props} /><${Bound} ...${props} name="step" label="by" kind=${props.param.kind === 'timestamp' ? 'duration' : props.param.kind} />`;
const Log = (props) => html`<${Ends} ...${props} /><${Bound} ...${props} name="step" label="times" kind="double" example=${props.form.log2 ? '2' : '10'} />`;

function Count(props) {
  const { param, form, set } = props;
  const log = (event) => {
    const { log: _, log2: __, log10: ___, ...rest } = form;
    set(event.target.checked ? { ...rest, log: true } : rest);
  };
  return html`<${Ends} ...${props} /><${Bound} ...${props} name="count" label="in" kind="integer" example="5" />
    ${modesOf(param).includes('log') && html`<label class="check"><input type="checkbox" checked=${isLog(form)} onChange=${log} /> geometric</label>`}`;
}

const Unreadable = ({ form }) => html`<code>${formText(form)}</code>`;
const FIELDS = { default: Default, value: Value, values: Values, range: Range, log: Log, count: Count };
