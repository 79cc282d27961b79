// Bars of importance: which share of the variance each parameter explains.
import { html } from '../core.js';
import { visible } from '../parts.js';
import { short } from './scales.js';

export const WIDTH = 640;
const ROW = 30;
const MARGIN = 10;
const [BAR, ROOM, NUMBER, CHANCE] = [190, 230, 480, 490]; // where bars begin, how long they may be, what is written beside them
const COLOURS = { parameter: '--accent', pair: '--s3', rest: '--quiet', noise: '--quiet' };

const percent = (share) => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;

export function BarsPicture({ picture }) {
  return html`<table class="bars" aria-label=${picture.head.title}><tbody>${picture.bars.map((each) => html`<tr>
    <th scope="row">${visible(each.label)}</th>
    <td><span class=${`bar ${each.group}`}><span style=${{ width: `${Math.min(100, Math.max(0, each.share * 100))}%` }}></span></span></td>
    <td class="n">${percent(each.share)}</td><td class="quiet">${each.mark === null ? '' : `${percent(each.mark)} by chance`}</td></tr>`)}</tbody></table>`;
}

export const heightOf = (picture) => picture.bars.length * ROW + 2 * MARGIN;

/**
 * Draw the bars, as a file has them; the page shows a table.
 * @param {any} context
 * @param {{bars: any[]}} picture
 * @param {(name: string) => string} colour of the page, by its name
 */
export function draw(context, picture, colour) {
  context.font = '13px sans-serif';
  context.textBaseline = 'middle';
  const write = (text, x, y, align, of) => {
    Object.assign(context, { textAlign: align, fillStyle: colour(of) });
    context.fillText(visible(text), x, y);
  };
  picture.bars.forEach((each, at) => {
    const y = MARGIN + at * ROW + ROW / 2;
    write(short(each.label, 26), BAR - 10, y, 'end', '--text');
    context.fillStyle = colour('--sunken');
    context.fillRect(BAR, y - 7, ROOM, 14);
    context.fillStyle = colour(COLOURS[each.group]);
    context.fillRect(BAR, y - 7, ROOM * Math.min(1, Math.max(0, each.share)), 14);
    write(percent(each.share), NUMBER, y, 'end', '--text');
    if (each.mark !== null) write(`${percent(each.mark)} by chance`, CHANCE, y, 'start', '--quiet');
  });
}
