// Buttons that save what a figure shows.
import { html } from '../core.js';
import { download, pngOf, svgOf } from './saving.js';

/** @param {{figure: {current: HTMLElement}, name: string, picture?: any}} props picture: where the figure has a canvas */
export function SaveButtons({ figure, name, picture = null }) {
  const save = (type) => async () => {
    const found = svgOf(figure.current, picture);
    if (found) download(`${name}.${type}`, type === 'svg' ? new Blob([found.text], { type: 'image/svg+xml' }) : await pngOf(found));
  };
  return html`<button class="quiet" type="button" onClick=${save('svg')}>SVG</button><button class="quiet" type="button" onClick=${save('png')}>PNG</button>`;
}
