// One picture of several sweeps: a line or a distribution for each, over the same axes.
import { api, html, runPath, useEffect, useState } from '../core.js';
import { Problem, number, visible } from '../parts.js';
import { title } from '../runs_table.js';
import { LinesPicture } from './lines.js';

const MOST = 8;

/** Pictures of lines as one, a series for each; null where their axes have nothing in common. */
export function merged(pictures, names) {
  const [first] = pictures;
  const same = pictures.every((each) => each.x.name === first.x.name && each.y.name === first.y.name);
  const categories = pictures.some((each) => each.x.scale === 'categories');
  if (!same || (categories && pictures.some((each) => each.x.ticks.join('\n') !== first.x.ticks.join('\n')))) return null;
  const series = pictures.flatMap((each, at) => each.series.slice(0, 1).map((one) => ({ ...one, name: names[at] })));
  const values = [...new Set(pictures.flatMap((each) => each.x.values ?? []))].sort((a, b) => a - b);
  const ticks = values.map((value) => pictures.flatMap((each) => (each.x.values ?? []).map((one, at) => [one, each.x.ticks[at]])).find(([one]) => one === value)?.[1] ?? String(value));
  return { ...first, series, series_name: '', x: categories ? first.x : { ...first.x, values, ticks } };
}

/** @param {{kind: string, runs: any[], y: string, letter: (at: number) => string}} props */
export function Overlay({ kind, runs, y, letter }) {
  const [state, set] = useState({ pictures: null, error: null });
  const shown = runs.slice(0, MOST);
  const key = shown.map((run) => run.id).join(' ');
  useEffect(() => {
    let latest = true;
    const ask = (run, x) => api(`${runPath(run.id)}/pictures/${kind}`, { y, x }).then((answer) => answer.picture);
    const all = async () => {
      const first = await ask(shown[0], '');
      const x = kind === 'line' ? first.x.name : ''; // all along the axis that the base shows by itself
      return [first, ...await Promise.all(shown.slice(1).map((run) => ask(run, x)))];
    };
    all().then(
      (found) => latest && set({ pictures: found, error: null }),
      (error) => latest && set({ pictures: null, error }),
    );
    return () => { latest = false; };
  }, [kind, key, y]);
  const { pictures, error } = state;
  if (!pictures) return html`<figure class="picture">${error ? html`<${Problem} error=${error} />` : html`<p class="loading" role="status">Drawing …</p>`}</figure>`;
  const picture = merged(pictures, shown.map((run, at) => `${letter(at)} ${title(run)}`));
  return html`<figure class="picture"><figcaption><h3>${visible(pictures[0].head.title)}</h3>
    <p class="quiet">${pictures.map((each, at) => `${letter(at)}: ${number(each.head.counted.n)} of ${number(each.head.counted.of)} children`).join(' · ')}${runs.length > MOST && ` · the first ${MOST} of ${runs.length} runs`}</p></figcaption>
    ${picture ? html`<${LinesPicture} picture=${picture} />` : html`<p class="quiet">Their axes have nothing in common.</p>`}</figure>`;
}
