// How MultiHeadView tells heads apart: by number, dashes and colour.

import { html, svg } from './common.js';

export const MOST_LABELS = 12; // beside a heat map
// A colour for each head is in multi_head.css; nobody has to tell heads apart by it alone.
const DASHES = ['none', '9 4', '2 3', '14 4 3 4', '5 5', '18 5', '3 6', '9 3 2 3 2 3'];

/** The number of a head, in its colour: that of its number, unless there are several layers of heads. */
export const badge = (parent, head, color = head) => html('span', { class: `attn-heads-badge attn-heads-${color}` }, parent, head);
export const dash = (head, heads) => (head < heads ? DASHES[head % DASHES.length] : '1 3'); // the last is the mean
export const colorOf = (head, heads) => (head < heads ? `attn-heads-${head}` : 'attn-heads-mean');

/** A piece of the line of a head, so that its dashes and its number are seen together. */
export function sample(parent, head, heads) {
  const root = svg('svg', { class: 'attn-heads-sample', 'aria-hidden': 'true' }, parent);
  svg('line', { x1: 0, x2: '100%', y1: 3, y2: 3, 'stroke-dasharray': dash(head, heads) }, root);
}

/** One row of a matrix whose rows stand one after the other. */
export const rowOf = (matrix, row, columns) => matrix.subarray(row * columns, (row + 1) * columns);
export const strongest = (row) => row.reduce((best, weight, i) => (weight > row[best] ? i : best), 0);
