// The heat maps of MultiHeadView: one for each head, one for their mean.

import { html, say, svg } from './common.js';
import { badge, colorOf, dash, MOST_LABELS } from './heads.js';

const LEVELS = 50; // shades of a heat map: a path for each, instead of an element for each cell
const CELL = 20; // SVG units of a heat map

/**
 * Outlines of the cells of a matrix, one path for each shade.
 *
 * @param {ArrayLike<number>} matrix rows one after the other
 * @param {(cell: number) => boolean} masked
 * @param {number} gap between two cells, in SVG units
 * @returns {{shades: string[], hatching: string}} `shades[l]`: cells of weight l / LEVELS, nearly;
 *   a line across every masked cell, where cells are small across some of them
 */
export function outlines(matrix, columns, masked, gap = 0) {
  const shades = Array.from({ length: LEVELS + 1 }, () => []);
  const hatching = [];
  const side = CELL - gap;
  const sparse = gap ? 1 : Math.ceil(columns / 16);
  for (let cell = 0; cell < matrix.length; cell += 1) {
    const [row, column] = [Math.floor(cell / columns), cell % columns];
    const [x, y] = [column * CELL, row * CELL];
    if (!masked(cell)) {
      const shade = Math.round(matrix[cell] * LEVELS);
      if (shade) shades[shade].push(`M${x},${y}h${side}v${side}h${-side}z`);
    } else if ((row + column) % sparse === 0) {
      hatching.push(`M${x},${y + CELL}l${CELL},${-CELL}`);
      if (gap) hatching.push(`M${x},${y + CELL / 2}l${CELL / 2},${-CELL / 2}m${CELL / 2},${CELL / 2}l${-CELL / 2},${CELL / 2}`);
    }
  }
  return { shades: shades.map((parts) => parts.join('')), hatching: hatching.join('') };
}

/** A heat map for each head and one for their mean, with the row of the query framed in all of them. */
export function drawMaps(parent, { names, queries, keys, matrices, masked }, words, titles, choose, toggle) {
  const labelled = Math.max(queries.length, keys.length) <= MOST_LABELS && [...queries, ...keys].every((token) => token.length <= 2);
  const edge = labelled ? CELL : 0;
  const [width, height] = [keys.length * CELL + edge, queries.length * CELL + edge];
  const grid = html('div', { class: 'attn-heads-maps' }, parent);
  const maps = matrices.map((matrix, head) => {
    const mean = head === names.length;
    const card = html('div', { class: `attn-heads-card ${colorOf(head, names.length)}` }, grid);
    const title = html('label', { class: 'attn-heads-title' }, card);
    const box = html('input', { type: 'checkbox' }, title);
    box.addEventListener('change', () => toggle(head));
    title.append(mean ? words.mean : words.head);
    if (!mean) badge(title, head);
    const caption = html('div', { class: 'attn-heads-caption' }, card);
    const sample = svg('svg', { class: 'attn-heads-sample', 'aria-hidden': 'true' }, caption);
    svg('line', { x1: 0, x2: '100%', y1: 3, y2: 3, 'stroke-dasharray': dash(head, names.length) }, sample);
    if (names[head]) html('span', { class: 'attn-heads-name' }, caption, names[head]);

    const frame = html('div', { class: 'attn-heads-frame' }, card);
    const map = svg('svg', {
      class: 'attn-heads-map', viewBox: `0 0 ${width} ${height}`, role: 'img', preserveAspectRatio: 'none',
      'aria-label': `${titles[head]}: ${say(words.map, { q: queries.length, k: keys.length })}`,
    }, frame);
    // A single query is no thinner than a token is high; with labels nothing may be stretched.
    map.style.aspectRatio = labelled ? width / height : Math.min(Math.max(width / height, 1 / 3), 6);
    if (labelled) {
      keys.forEach((token, j) => svg('text', { class: 'attn-heads-key', x: edge + (j + 0.5) * CELL, y: 14 }, map, token));
      queries.forEach((token, i) => svg('text', { class: 'attn-heads-query', x: 9, y: edge + (i + 0.5) * CELL + 5 }, map, token));
    }
    const cells = svg('g', { transform: `translate(${edge} ${edge})` }, map);
    svg('rect', { class: 'attn-heads-ground', width: width - edge, height: height - edge }, cells);
    const { shades, hatching } = outlines(matrix, keys.length, (cell) => masked(Math.floor(cell / keys.length), cell % keys.length), labelled ? 1 : 0);
    svg('path', { class: 'attn-heads-hatching', d: hatching }, cells);
    shades.forEach((d, shade) => d && svg('path', { d, 'fill-opacity': shade / LEVELS }, cells));

    const marker = html('div', { class: 'attn-heads-marker' }, frame);
    Object.assign(marker.style, {
      left: `${(100 * edge) / width}%`, top: `${(100 * edge) / height}%`, height: `${(100 * CELL) / height}%`,
    });
    frame.addEventListener('click', (event) => {
      const { top, height: size } = map.getBoundingClientRect();
      choose(Math.floor((((event.clientY - top) / size) * height - edge) / CELL));
    });
    return { box, card, marker };
  });
  html('p', { class: 'attn-note' }, parent, words.note);

  return ({ query, shown }) => maps.forEach(({ box, card, marker }, head) => {
    box.checked = shown[head];
    card.classList.toggle('attn-heads-off', !shown[head]);
    marker.style.transform = `translateY(${100 * query}%)`; // of its own height, which is that of a row
  });
}
