// What a run prints, followed as it comes: a bounded number of lines, colours as spans, progress bars as one line.
import { AGAIN_MS, api, apiAddress, html, isPassing, runPath, untilAnswered, useEffect, useRef, useState } from './core.js';
import { Command, Empty, counted, number, visible } from './parts.js';

export const MOST_LINES = 2000;
const DRAW_MS = 200;

/** What is left of a line after its carriage returns: what a terminal would show. */
export function collapsed(text) {
  const parts = text.replace(/\r+$/, '').split('\r');
  return parts[parts.length - 1];
}

/**
 * Parts of a line by colour: escape sequences become classes, all others are left out.
 * @returns {{text: string, style: string}[]}
 */
export function coloured(text) {
  const parts = [];
  let style = '';
  let at = 0;
  const add = (piece) => { if (piece) parts.push({ text: piece, style }); };
  for (const match of text.matchAll(/\u001b(?:\[([0-9;]*)([A-Za-z])|\][^\u0007\u001b]*(?:\u0007|\u001b\\))/g)) {
    add(text.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] !== 'm') continue;
    for (const code of (match[1] || '0').split(';').map(Number)) {
      if (code === 0 || code === 39) style = '';
      else if (code >= 30 && code <= 37) style = `ansi-${code - 30}`;
      else if (code >= 90 && code <= 97) style = `ansi-${code - 90}`;
    }
  }
  add(text.slice(at));
  return parts;
}

/** @param {{run: string, node?: string, withNodes?: boolean}} props */
export function Log({ run, node = '', withNodes = false }) {
  const [state, set] = useState({ lines: [], left: 0, over: false, problem: '' });
  const [search, find] = useState('');
  const [follows, follow] = useState(true);
  const box = useRef(null);
  useEffect(() => {
    const lines = [];
    let left = 0;
    let drawing = 0;
    let [over, problem] = [false, ''];
    const draw = () => {
      drawing = 0;
      set({ lines: lines.slice(), left, over, problem });
    };
    const soon = () => { drawing ||= setTimeout(draw, DRAW_MS); };
    let stream = null;
    let giveUp = () => {};
    let opening = 0;
    const open = () => {
      stream = new EventSource(apiAddress(`${runPath(run)}/logs`, { node }));
      stream.onopen = () => { // a stream that is opened again begins anew
        lines.length = 0;
        left = 0;
        problem = '';
        soon();
      };
      stream.onmessage = (event) => hear(JSON.parse(event.data));
      stream.onerror = () => { if (stream.readyState === EventSource.CLOSED) again(); };
    };
    const again = () => { // once the run can be read again; what stays wrong with it is told
      stream.close();
      const tell = (error) => {
        problem = error.message;
        over = !isPassing(error);
        soon();
        throw error;
      };
      giveUp = untilAnswered(() => api(runPath(run)).catch(tell), () => { opening = setTimeout(open, AGAIN_MS); });
    };
    const hear = (told) => {
      if (told.kind === 'Unavailable') {
        again();
      } else if (told.error || !told.length) {
        problem = told.error ?? '';
        over = true;
        stream.close();
      } else {
        for (const line of told) lines.push(line);
        const many = lines.length - MOST_LINES;
        if (many > 0) {
          lines.splice(0, many);
          left += many;
        }
      }
      soon();
    };
    open();
    return () => {
      clearTimeout(drawing);
      clearTimeout(opening);
      giveUp();
      stream.close();
    };
  }, [run, node]);
  useEffect(() => {
    if (follows && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [state, follows]);
  const matching = search ? state.lines.filter((line) => line.text.toLowerCase().includes(search.toLowerCase())) : state.lines;
  const scrolled = (event) => {
    const { scrollTop, scrollHeight, clientHeight } = event.target;
    follow(scrollHeight - scrollTop - clientHeight < 30);
  };
  return html`<div class="filters">
      <label>Search <input type="search" data-search value=${search} onInput=${(event) => find(event.target.value)} /></label>
      <span class="quiet" role=${search ? 'status' : undefined}>${search && `${number(matching.length)} of `}${counted(state.lines.length, 'line')}${state.left > 0 ? `, ${number(state.left)} earlier ones left out` : ''}${state.over ? '' : ', following'}</span>
      <a download="log.txt" href=${apiAddress(`${runPath(run)}/log.txt`, { node })}>Download all</a>
    </div>
    ${state.problem && html`<p class="problem" role="alert">${visible(state.problem)}</p>`}
    ${state.over && !state.lines.length && !state.problem
      ? html`<${Empty} title="Nothing was printed" />`
      : html`<div class="log" ref=${box} tabindex="0" role="log" aria-live="off" aria-label="Log" onScroll=${scrolled}>${!state.lines.length && html`<span class="note">Nothing was printed yet.</span>`}${matching.map((line) => html`<${Line} line=${line} withNode=${withNodes} />`)}</div>`}
    <${Command} text=${`accio logs ${run}${node && `/${node}`}`} />`;
}

function Line({ line, withNode }) {
  return html`<div class=${`line ${line.stream}`}>${withNode && html`<span class="from">${line.run.split('.')[1] ?? ''} ${visible(line.node)}</span> `}${coloured(collapsed(line.text)).map(
    (part) => html`<span class=${part.style}>${visible(part.text)}</span>`,
  )}</div>`;
}
