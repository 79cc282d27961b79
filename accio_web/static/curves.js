// What an operator measured at steps: a curve per metric, with the attempts of the node as its lines.
import { html, useEffect, useRef } from './core.js';
import { Copy, visible } from './parts.js';
import { LinesPicture } from './pictures/lines.js';
import { SaveButtons } from './pictures/save_buttons.js';

const AGAIN_MS = 2000;

/** Series of one node as pictures of lines, a picture for each metric. @param {any[]} series */
export function pictures(series) {
  return [...new Set(series.map((each) => each.metric))].map((metric) => {
    const lines = series.filter((each) => each.metric === metric).map((each, at) => {
      const points = each.points.filter((point) => point[1] !== null);
      return { name: String(at + 1), x: points.map((point) => point[0]), y: points.map((point) => point[1]) };
    }).filter((each) => each.x.length);
    return { shape: 'lines', head: { kind: 'series', title: metric }, x: { name: 'step', scale: 'linear' }, y: { name: metric },
      series_name: lines.length > 1 ? 'attempt' : '', series: lines };
  }).filter((each) => each.series.length);
}

/** @param {{node: any, reload: () => void}} props */
export function Curves({ node, reload }) {
  const running = node.state === 'running';
  useEffect(() => { // what is measured is told outside of commits, so that no topic changes with it
    if (!running) return undefined;
    const timer = setInterval(reload, AGAIN_MS);
    return () => clearInterval(timer);
  }, [running, reload]);
  const found = pictures(node.series);
  if (!found.length) return null;
  return html`<section aria-label="Series"><h2>Series</h2><div class="pictures">${found.map((picture) => html`<${Curve} key=${picture.head.title} picture=${picture} run=${node.run} />`)}</div></section>`;
}

function Curve({ picture, run }) {
  const figure = useRef(null);
  const metric = picture.head.title;
  const table = () => [['attempt', 'step', metric], ...picture.series.flatMap((each) => each.x.map((step, i) => [each.name, step, each.y[i]]))];
  return html`<figure ref=${figure} class="picture"><figcaption><h3>${visible(metric)}</h3></figcaption>
    <${LinesPicture} picture=${picture} />
    <p class="tools"><${SaveButtons} figure=${figure} name=${metric} table=${table} /><${Copy} text=${`accio plot ${run} -metric=${metric}`} label="Copy as command" /></p></figure>`;
}
