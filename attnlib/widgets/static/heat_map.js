// A heat map of the weights of one head: a row for each query, a column for each key.

import { html, svg } from './common.js';

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

/**
 * Draw a map, with names at its edges where it is `labelled`; `choose(query)` is called for a row that is pressed.
 *
 * @returns {(query: number) => void} frames the row of a query
 */
export function drawMap(parent, { queries, keys, matrix, masked, labelled, title }, choose) {
  const edge = labelled ? CELL : 0;
  const [width, height] = [keys.length * CELL + edge, queries.length * CELL + edge];
  const frame = html('div', { class: 'attn-heads-frame' }, parent);
  const map = svg('svg', {
    class: 'attn-heads-map', viewBox: `0 0 ${width} ${height}`, role: 'img', preserveAspectRatio: 'none', 'aria-label': title,
  }, frame);
  // A single query is no thinner than a token is high; with labels nothing may be stretched.
  map.style.aspectRatio = labelled ? width / height : Math.min(Math.max(width / height, 1 / 3), 6);
  if (labelled) {
    keys.forEach((token, j) => svg('text', { class: 'attn-heads-key', x: edge + (j + 0.5) * CELL, y: 14 }, map, token));
    queries.forEach((token, i) => svg('text', { class: 'attn-heads-query', x: 9, y: edge + (i + 0.5) * CELL + 5 }, map, token));
  }
  const cells = svg('g', { transform: `translate(${edge} ${edge})` }, map);
  svg('rect', { class: 'attn-heads-ground', width: width - edge, height: height - edge }, cells);
  const hatched = (cell) => masked(Math.floor(cell / keys.length), cell % keys.length);
  const { shades, hatching } = outlines(matrix, keys.length, hatched, labelled ? 1 : 0);
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
  return (query) => {
    marker.style.transform = `translateY(${100 * query}%)`; // of its own height, which is that of a row
  };
}
