// Pictures as files. SVG stands by itself: what the style sheet says is written into it.
import * as bars from './bars.js';
import { SvgContext } from './svg_context.js';
import { WIDTH, draw, geometry } from './map.js';

const STYLES = ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-linecap', 'opacity', 'font-size', 'font-weight', 'text-anchor'];
const FONT = 'system-ui, sans-serif';
const SCALE = 2;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const background = () => colour('--surface') || '#fff';

function standalone(svg) {
  const copy = /** @type {SVGElement} */ (svg.cloneNode(true));
  const [from, to] = [[svg, ...svg.querySelectorAll('*')], [copy, ...copy.querySelectorAll('*')]];
  from.forEach((element, at) => {
    const style = getComputedStyle(element);
    for (const name of STYLES) if (style.getPropertyValue(name)) to[at].setAttribute(name, style.getPropertyValue(name));
    to[at].removeAttribute('class');
  });
  copy.querySelectorAll('[fill="rgba(0, 0, 0, 0)"]').forEach((element) => element.setAttribute('fill', 'none'));
  const [, , width, height] = svg.getAttribute('viewBox').split(' ').map(Number);
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('width', String(width));
  copy.setAttribute('height', String(height));
  copy.setAttribute('font-family', FONT);
  const back = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  const [x, y] = svg.getAttribute('viewBox').split(' ');
  for (const [name, value] of Object.entries({ x, y, width, height, fill: background() })) back.setAttribute(name, String(value));
  copy.prepend(back);
  return { text: new XMLSerializer().serializeToString(copy), width, height };
}

/** A figure's picture as SVG: {text, width, height}; null where it is a table. */
export function svgOf(figure, picture) {
  const svg = figure.querySelector('svg.chart, .graph svg');
  if (svg) return standalone(svg);
  const isBars = picture?.shape === 'bars';
  if (!isBars && picture?.shape !== 'map') return null;
  const context = new SvgContext();
  const [width, height] = isBars ? [bars.WIDTH, bars.heightOf(picture)] : [WIDTH, geometry(picture).height];
  context.fillStyle = background();
  context.fillRect(0, 0, width, height);
  if (isBars) bars.draw(context, picture, colour);
  else draw(context, picture, null);
  return { text: context.toString(width, height), width, height };
}

/** The same as PNG, at twice the size. @returns {Promise<Blob>} */
export async function pngOf({ text, width, height }) {
  const address = URL.createObjectURL(new Blob([text], { type: 'image/svg+xml' }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: width * SCALE, height: height * SCALE });
    canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((done, fail) => { canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error('no picture'))), 'image/png'); });
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** Rows as CSV (RFC 4180). @param {any[][]} rows */
export function csvOf(rows) {
  const cell = (value) => {
    const text = value === null || value === undefined ? '' : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => `${row.map(cell).join(',')}\n`).join('');
}

/** Hand a file to the reader. */
export function download(name, blob) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
