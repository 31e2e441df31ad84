// Two clock faces beside each other, for two positions: the hands of an encoding, of which some are in colour.

import { set, svg, write } from './common.js';
import { SIDE } from './plane.js';
import { frame } from './chart.js';

const [HEIGHT, RADIUS] = [132, 54];
const FACES = [['m', SIDE / 4], ['n', (3 * SIDE) / 4]];
const MIDDLE = HEIGHT / 2 + 5;

/** Where a hand points: up at sine 0 and cosine 1, and clockwise from there. */
export const tip = (x, sine, cosine) => [x + RADIUS * sine, MIDDLE - RADIUS * cosine];

const hand = (x, row, pair) => `M${x},${MIDDLE}L${tip(x, row[2 * pair], row[2 * pair + 1]).map((c) => c.toFixed(2))}`;

/** The faces; `most` hands at a time can be in colour. */
export function drawFaces(parent, most, words) {
  const root = frame(parent, HEIGHT, { role: 'img', 'aria-label': words.hands });
  const faces = FACES.map(([name, x]) => {
    svg('circle', { class: 'attn-pe-face', cx: x, cy: MIDDLE, r: RADIUS + 3 }, root);
    return {
      x,
      text: svg('text', { class: 'attn-label', x: x - 74, y: 15, 'text-anchor': 'start' }, root, name),
      others: svg('path', { class: 'attn-pe-hands' }, root),
      chosen: Array.from({ length: most }, (_, i) => svg('path', { class: `attn-pe-curve attn-pe-color-${i}` }, root)),
    };
  });
  return ({ dim, m, n, columns, P }) => {
    const all = Array.from({ length: dim / 2 }, (_, pair) => pair);
    faces.forEach(({ x, text, others, chosen }, k) => {
      const row = P[k ? n : m];
      write(text, `${FACES[k][0]} = ${k ? n : m}`);
      set(others, { d: all.map((pair) => hand(x, row, pair)).join('') });
      chosen.forEach((path, i) => {
        // Sine and cosine of one hand may both be drawn as curves: the hand has the colour of the first.
        const pair = Math.floor(columns[i] / 2);
        const shows = i < columns.length && columns.findIndex((column) => Math.floor(column / 2) === pair) === i;
        path.toggleAttribute('hidden', !shows);
        if (shows) set(path, { d: hand(x, row, pair), 'data-hand': pair });
      });
    });
  };
}
