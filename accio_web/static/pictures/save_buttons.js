// Buttons that save what a figure shows.
import { html } from '../core.js';
import { csvOf, download, pngOf, svgOf } from './saving.js';

/**
 * @param {{figure: {current: HTMLElement}, name: string, picture?: any, table?: () => any[][]}} props
 *   picture: where the figure has a canvas; table: what it draws, a heading and rows, where the server has no table of it
 */
export function SaveButtons({ figure, name, picture = null, table }) {
  const save = (type) => async () => {
    const found = svgOf(figure.current, picture);
    if (found) download(`${name}.${type}`, type === 'svg' ? new Blob([found.text], { type: 'image/svg+xml' }) : await pngOf(found));
  };
  return html`<button class="quiet" type="button" onClick=${save('svg')}>SVG</button><button class="quiet" type="button" onClick=${save('png')}>PNG</button>
    ${table && html`<button class="quiet" type="button" onClick=${() => download(`${name}.csv`, new Blob([csvOf(table())], { type: 'text/csv' }))}>CSV</button>`}`;
}
