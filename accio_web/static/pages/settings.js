// How this browser shows things: kept there, for nobody else.
import { html, useState } from '../core.js';
import { KeyTable, keysAreOn, switchKeys } from '../keys.js';
import { Heading } from '../parts.js';
import { exactTime, prefer, preference } from '../preferences.js';
import { chooseTheme, theme } from '../theme.js';

function Choice({ label, value, choices, choose }) {
  const [now, set] = useState(value);
  const name = label.toLowerCase();
  return html`<fieldset class="choice"><legend>${label}</legend>${choices.map(([each, text]) => html`<label class="check"><input type="radio" name=${name} value=${each} checked=${each === now} onChange=${() => { choose(each); set(each); }} /> ${text}</label>`)}</fieldset>`;
}

export function Page({ session }) {
  const [keys, setKeys] = useState(keysAreOn);
  const change = (event) => {
    switchKeys(event.target.checked);
    setKeys(event.target.checked);
  };
  const now = new Date().toISOString().slice(0, 19);
  return html`<${Heading} text="Settings" />
    <p class="quiet">They are kept by this browser.</p>
    <${Choice} label="Theme" value=${theme()} choices=${[['system', 'as the system'], ['light', 'light'], ['dark', 'dark']]} choose=${chooseTheme} />
    <${Choice} label="Density" value=${preference('density')} choices=${[['comfortable', 'comfortable'], ['compact', 'compact: more rows on a screen']]} choose=${(value) => prefer('density', value)} />
    <${Choice} label="Times" value=${preference('time')} choices=${[['local', `of this machine: ${exactTime(`${now}Z`, 'local')}`], ['utc', `UTC: ${now}Z`]]} choose=${(value) => prefer('time', value)} />
    <section aria-labelledby="keys"><h2 id="keys">Keys</h2><label class="check"><input type="checkbox" checked=${keys} onChange=${change} /> Single keys do something</label><${KeyTable} /></section>
    <section aria-labelledby="session"><h2 id="session">This session</h2><dl class="inline"><div><dt>Logged in as</dt><dd>${session.user}</dd></div><div><dt>Daemon</dt><dd>${session.daemon}</dd></div><div><dt>Version</dt><dd>${session.version}</dd></div></dl></section>`;
}
