// Notes as people write them: paragraphs, lists, code and web addresses, built as nodes. Nothing else is obeyed.
import { html } from './core.js';
import { visible } from './parts.js';

const MOST_LINES = 500; // longer notes are one text
const ITEM = /^\s*(?:[-*]|(\d{1,9})[.)])\s+(.*)$/;
/** Code between backticks, or an address of printable ASCII: what looks like another host's name is none. */
const INLINE = /`([^`]+)`|https?:\/\/[\x21-\x7e]+/g;

/**
 * The blocks of a text: paragraphs and items of lists with their lines, and code.
 * @param {string} text
 * @returns {{kind: 'text' | 'list' | 'steps' | 'code', lines: string[], first?: number}[]}
 */
export function blocksOf(text) {
  const lines = text.split(/\r\n|\r|\n/);
  if (lines.length > MOST_LINES) return [{ kind: 'text', lines }];
  /** @type {{kind: 'text' | 'list' | 'steps' | 'code', lines: string[], first?: number}[]} */
  const blocks = [];
  let open = null;
  const begin = (kind, rest = {}) => {
    open = { kind, lines: [], ...rest };
    blocks.push(open);
  };
  for (const [at, line] of lines.entries()) {
    const item = ITEM.exec(line);
    if (open?.kind === 'code') {
      if (line.trim() === '```') open = null;
      else open.lines.push(line);
    } else if (line.startsWith('```') && lines.indexOf('```', at + 1) > 0) begin('code');
    else if (!line.trim()) open = null;
    else if (item) {
      const kind = item[1] ? 'steps' : 'list';
      if (open?.kind !== kind) begin(kind, item[1] ? { first: Number(item[1]) } : {});
      open.lines.push(item[2]);
    } else if (/^\s/.test(line) && (open?.kind === 'list' || open?.kind === 'steps')) open.lines.push(`${open.lines.pop()}\n${line.trim()}`);
    else {
      if (open?.kind !== 'text') begin('text');
      open.lines.push(line);
    }
  }
  return blocks;
}

/**
 * The parts of a line: text, code, and addresses, without what ends the sentence that they stand in.
 * @param {string} line
 * @returns {{kind: 'text' | 'code' | 'link', text: string}[]}
 */
export function partsOf(line) {
  const parts = [];
  let at = 0;
  for (const match of line.matchAll(INLINE)) {
    const found = match[1] ?? addressIn(match[0]);
    if (!found) continue;
    if (match.index > at) parts.push({ kind: 'text', text: line.slice(at, match.index) });
    parts.push({ kind: match[1] ? 'code' : 'link', text: found });
    at = match.index + (match[1] ? match[0].length : found.length);
  }
  if (at < line.length) parts.push({ kind: 'text', text: line.slice(at) });
  return parts;
}

/** An address without the signs behind it; nothing where it is none. */
function addressIn(text) {
  const address = text.replace(/[<>"'`].*$/, '').replace(/[.,;:!?*_)\]}]+$/, (signs) => (signs.startsWith(')') && text.includes('(') ? ')' : ''));
  return URL.canParse(address) ? address : '';
}

/** @param {{text: string}} props */
export function Notes({ text }) {
  return blocksOf(text).map(({ kind, lines, first }) => {
    if (kind === 'code') return html`<pre>${visible(lines.join('\n'))}</pre>`;
    if (kind === 'text') return html`<p class="pre"><${Line} text=${lines.join('\n')} /></p>`;
    const items = lines.map((line) => html`<li class="pre"><${Line} text=${line} /></li>`);
    return kind === 'list' ? html`<ul>${items}</ul>` : html`<ol start=${first}>${items}</ol>`;
  });
}

function Line({ text }) {
  return partsOf(text).map((part) => {
    if (part.kind === 'code') return html`<code>${visible(part.text)}</code>`;
    return part.kind === 'link' ? html`<a href=${part.text} rel="noreferrer noopener">${part.text}</a>` : visible(part.text);
  });
}
