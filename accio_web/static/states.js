// States as glyph, word and colour: no reader has to tell colours apart.
import { html } from './core.js';

/** In the order in which bars are stacked. */
export const GLYPHS = {
  success: '✓', running: '▶', queued: '◷', scheduled: '◷', waiting: '◌',
  failed: '✗', killed: '■', lost: '↯', cancelled: '⊘',
};

export const ACTIVE = ['scheduled', 'running'];

export function State({ of, short = false }) {
  return html`<span class="state ${of}" title=${short ? of : undefined}>
    <span aria-hidden="true">${GLYPHS[of] ?? '·'}</span><span class=${short ? 'unseen' : ''}> ${of}</span>
  </span>`;
}

/** How an agent is, with the kind of state that it is shown as. One that said good-bye, as hosts of pools do with nothing left to do, isn't lost. @returns {{word: string, as: string, glyph: string}} */
export function agentState(agent) {
  if (agent.state === 'connected') return { word: agent.state, as: 'success', glyph: '✓' };
  if (agent.state === 'draining') return { word: agent.state, as: 'waiting', glyph: '◌' };
  if (agent.state === 'lost' && agent.reason?.startsWith('ended by ')) return { word: 'ended', as: 'cancelled', glyph: '·' };
  return { word: agent.state, as: 'lost', glyph: '↯' };
}

export const sum = (counts) => Object.values(counts).reduce((a, b) => a + b, 0);

const ordered = (counts) => Object.keys(GLYPHS).filter((state) => counts[state]);

/** A bar stacked by state, with the numbers as text for those who don't see it. */
export function StackedBar({ counts, label }) {
  const total = sum(counts);
  const said = ordered(counts).map((state) => `${counts[state].toLocaleString('en')} ${state}`).join(', ');
  return html`<span class="stack" role="img" aria-label=${`${label}: ${said || 'none'}`} title=${said}>
    ${ordered(counts).map((state) => html`<span class="part ${state}" style=${{ flexGrow: counts[state] / total }}></span>`)}
  </span>`;
}

export function Counts({ counts }) {
  return html`<ul class="counts">${ordered(counts).map(
    (state) => html`<li><${State} of=${state} /> <b>${counts[state].toLocaleString('en')}</b></li>`,
  )}</ul>`;
}
