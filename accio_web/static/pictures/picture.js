// A picture with what belongs to it: how many children it shows, remarks, its table, its command.
import { apiAddress, goQuery, href, html, isPassing, runPath, useData, useRef, useState } from '../core.js';
import { Copy, Problem, number, visible } from '../parts.js';
import { narrowed } from '../query.js';
import { BarsPicture } from './bars.js';
import { CloudPicture } from './cloud.js';
import { LinesPicture } from './lines.js';
import { MapPicture } from './map.js';
import { ParallelPicture } from './parallel.js';
import { SaveButtons } from './save_buttons.js';
import { TrialsPicture } from './trials.js';
import { MOST_ROWS, cellText, twin } from './twin.js';

const DRAWN = { bars: BarsPicture, cloud: CloudPicture, lines: LinesPicture, map: MapPicture, parallel: ParallelPicture, trials: TrialsPicture };

/** @param {{run: string, asked: any, serial?: number, large?: boolean}} props */
export function Picture({ run, asked, serial, large = false }) {
  const { kind, ...options } = asked;
  const path = `${runPath(run)}/pictures/${kind}`;
  const first = useData(path, { ...options, sample: '1' }, serial); // of a large sweep a sample comes first
  const rest = useData(first.data && !first.isOld && !first.data.whole ? path : null, options, serial);
  const found = rest.data && !rest.isOld ? rest : { ...first, error: first.error ?? rest.error };
  const [asTable, show] = useState(false);
  const figure = useRef(null);
  const picture = found.data?.picture;
  if (!picture) {
    return html`<figure class="picture">${found.error ? html`<${Problem} error=${found.error} again=${found.reload} />` : html`<p class="loading" role="status">Drawing …</p>`}</figure>`;
  }
  const { head } = picture;
  const Drawn = DRAWN[picture.shape];
  const narrow = (said) => goQuery({ where: narrowed(asked.where ?? '', said), cursor: '' }, { replace: false });
  const choose = (cell) => narrow(condition(picture, cell));
  return html`<figure ref=${figure} class=${`picture${large ? ' large' : ''}${picture.shape === 'parallel' ? ' wide' : ''}`}>
    <figcaption><h3>${visible(head.title)}</h3>
      <p class="quiet">${number(head.counted.n)} of ${number(head.counted.of)} ${head.counted.what}${head.counted.without > 0 && `, ${number(head.counted.without)} without value`}${head.remarks.map((each) => ` · ${visible(each)}`)}</p></figcaption>
    ${found.error && !isPassing(found.error) && html`<${Problem} error=${found.error} />`}
    ${asTable ? html`<${Twin} picture=${picture} />` : html`<${Drawn} picture=${picture} run=${run} choose=${choose} narrow=${narrow} />`}
    <p class="tools"><button class="quiet" type="button" aria-pressed=${asTable} onClick=${() => show(!asTable)}>${asTable ? 'Picture' : 'Table'}</button>
      ${!asTable && html`<${SaveButtons} figure=${figure} picture=${picture} name=${kind} />`}
      <a download="picture.csv" href=${apiAddress(`${path}/table.csv`, options)}>CSV</a>
      ${!large && html`<a href=${href(runPath(run), { tab: 'Pictures', ...asked })}>Larger</a>`}
      <${Copy} text=${head.command} label="Copy as command" /></p>
  </figure>`;
}

/** What selects the children of a cell; cells that hold several values are left alone. */
function condition(picture, cell) {
  const of = (axis, at) => (axis.ticks[at].includes(' … ') ? '' : `${axis.name}=${quotedValue(axis.ticks[at])}`);
  return [of(picture.x, cell.column), of(picture.y, cell.row)].filter(Boolean).join(' ');
}

const quotedValue = (text) => (/^[\w.+-]+$/.test(text) ? text : JSON.stringify(text));

function Twin({ picture }) {
  const { columns, rows } = twin(picture);
  return html`<div class="scroll twin" tabindex="0"><table><caption class="unseen">${visible(picture.head.title)}</caption>
    <thead><tr>${columns.map((name) => html`<th scope="col">${visible(name)}</th>`)}</tr></thead>
    <tbody>${rows.slice(0, MOST_ROWS).map((row) => html`<tr>${row.map((cell) => html`<td class=${typeof cell === 'number' ? 'n' : ''} title=${cell === null ? '' : visible(cell)}>${visible(cellText(cell))}</td>`)}</tr>`)}</tbody></table></div>
    ${rows.length > MOST_ROWS && html`<p class="quiet">${MOST_ROWS} of ${number(rows.length)} rows; the CSV has all of them.</p>`}`;
}
