// Bars of importance: which share of the variance each parameter explains.
import { html } from '../core.js';
import { visible } from '../parts.js';

const percent = (share) => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;

export function BarsPicture({ picture }) {
  return html`<table class="bars" aria-label=${picture.head.title}><tbody>${picture.bars.map((each) => html`<tr>
    <th scope="row">${visible(each.label)}</th>
    <td><span class=${`bar ${each.group}`}><span style=${{ width: `${Math.min(100, Math.max(0, each.share * 100))}%` }}></span></span></td>
    <td class="n">${percent(each.share)}</td><td class="quiet">${each.mark === null ? '' : `${percent(each.mark)} by chance`}</td></tr>`)}</tbody></table>`;
}
