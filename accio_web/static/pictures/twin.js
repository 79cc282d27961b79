// The table twin of a picture: the numbers that it shows.
import { numberText } from './scales.js';

export const MOST_ROWS = 200;

/** Columns and rows of cells; a cell is a text, a number or null. @returns {{columns: string[], rows: any[][]}} */
export function twin(picture) {
  switch (picture.shape) {
    case 'map': {
      const states = picture.head.kind === 'states';
      const rows = picture.values.flatMap((row, r) => row.map((value, c) => [picture.x.ticks[c], picture.y.ticks[r],
        states && value !== null ? picture.value.ticks[value] : value, picture.n[r][c], picture.failed[r][c]])).filter((row) => row[3] > 0);
      return { columns: [picture.x.name, picture.y.name, picture.value.name, 'n', 'failed'], rows };
    }
    case 'lines': {
      const named = picture.series_name ? [picture.series_name] : [];
      const rows = picture.series.flatMap((each) => each.x.map((x, i) => [...(named.length ? [each.name] : []),
        picture.x.ticks?.length ? picture.x.ticks[i] : x, each.y[i], each.low?.[i] ?? null, each.high?.[i] ?? null, each.n?.[i] ?? null]));
      return { columns: [...named, picture.x.name, picture.y.name, 'low', 'high', 'n'], rows };
    }
    case 'bars':
      return { columns: ['what', 'share', 'by chance', 'group'], rows: picture.bars.map((each) => [each.label, each.share, each.mark, each.group]) };
    case 'parallel':
      return picture.lines ? { columns: ['child', ...picture.axes.map((axis) => axis.name)], rows: picture.children.map((child, i) => [child, ...picture.lines[i]]) }
        : { columns: ['from', 'to', 'from bin', 'to bin', 'n'], rows: picture.ribbons.flatMap((ribbon, at) => ribbon.flatMap((row, from) => row.flatMap((n, to) => (n ? [[picture.axes[at].name, picture.axes[at + 1].name, from, to, n]] : [])))) };
    case 'cloud':
      return { columns: ['child', picture.x.name, picture.y.name, 'best'], rows: picture.children.map((child, i) => [child, picture.xs[i], picture.ys[i], picture.best[i] ? 'yes' : '']) };
    case 'trials':
      return { columns: ['trial', 'child', 'outcome', picture.y.name, 'best so far'], rows: picture.trials.map((trial, i) => [trial, picture.children[i], picture.outcomes[i], picture.values[i], picture.best[i]]) };
    default:
      return { columns: [], rows: [] };
  }
}

/** A cell as a text. */
export const cellText = (cell) => (cell === null ? '' : typeof cell === 'number' && !Number.isInteger(cell) ? numberText(cell) : String(cell));
