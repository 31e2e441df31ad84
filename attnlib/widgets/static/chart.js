// A rectangle with a grid, for curves over whole numbers (positions, distances): what the figures about
// positions share.

import { fixed, set, svg, write } from './common.js';
import { gridStep, SIDE } from './plane.js';

/** The frame of a drawing that is `SIDE` wide. */
export const frame = (parent, height, attributes) =>
  svg('svg', {
    class: 'attn-plane', viewBox: `0 0 ${SIDE} ${height}`, style: `aspect-ratio: ${SIDE} / ${height}`, ...attributes,
  }, parent);

/**
 * Draw an empty chart.
 *
 * @param {Element} parent
 * @param {number} height in SVG units; about one unit is one CSS pixel
 * @param {string} name of the horizontal axis
 * @param {object} attributes of the svg element
 * @param {(value, digits) => string} written how a number of the vertical axis is written
 * @returns {{root, range, at}} `range([left, right], [bottom, top])` draws the grid, `at(point)` gives SVG
 *   units
 */
export function chart(parent, height, name, attributes, written = fixed) {
  const root = frame(parent, height, attributes);
  const grid = svg('g', { 'aria-hidden': 'true' }, root);
  const ticks = svg('g', { 'aria-hidden': 'true' }, root);
  let [left, right, bottom, top] = [0, 1, 0, 1];
  const at = ([x, y]) => [((x - left) / (right - left)) * SIDE, ((top - y) / (top - bottom)) * height];
  const range = (horizontal, vertical) => {
    [left, right, bottom, top] = [...horizontal, ...vertical];
    grid.replaceChildren();
    ticks.replaceChildren();
    root.append(ticks); // numbers lie on the curves, which the caller has drawn meanwhile
    const [across, up] = [gridStep(right - left, 6), gridStep(top - bottom, 5)];
    for (let i = Math.ceil(left / across); i * across <= right; i += 1) {
      const x = at([i * across, 0])[0];
      svg('line', { class: i ? 'attn-grid' : 'attn-axis', x1: x, x2: x, y1: 0, y2: height }, grid);
      if (x > 16 && x < SIDE - 14 - 7 * name.length) {
        svg('text', { class: 'attn-tick', x, y: height - 6, 'text-anchor': 'middle' }, ticks, fixed(i * across, 0));
      }
    }
    const digits = Math.max(0, -Math.floor(Math.log10(up)));
    for (let i = Math.ceil(bottom / up); i * up <= top; i += 1) {
      const y = at([0, i * up])[1];
      svg('line', { class: i ? 'attn-grid' : 'attn-axis', x1: 0, x2: SIDE, y1: y, y2: y }, grid);
      // Above its line, which would strike it out; below the axis, along which curves run out.
      const below = !i && y < height - 24;
      if (y > 16 && y < height - 18) svg('text', { class: 'attn-tick', x: 6, y: y + (below ? 13 : -4) }, ticks, written(i * up, digits));
    }
    svg('text', { class: 'attn-tick', x: SIDE - 6, y: height - 6, 'text-anchor': 'end' }, ticks, name);
  };
  return { root, range, at };
}

/** Points as the path of a line through all of them. */
export const through = (points) =>
  `M${points.map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join('L')}`;

/** Points as the path of dots: lines of no length, which a round line cap makes visible. */
export const dots = (points) => points.map(([x, y]) => `M${x.toFixed(2)},${y.toFixed(2)}h0`).join('');

/**
 * Mark one point of a chart: a line up or down from the axis, a disc and a number.
 * Returns a function that moves the three.
 */
export function marker(parent) {
  const line = svg('line', { class: 'attn-marker-line' }, parent);
  const disc = svg('circle', { class: 'attn-marker', r: 6 }, parent);
  const text = svg('text', { class: 'attn-label attn-marker-number' }, parent);
  return ([x, y], axis, number) => {
    set(line, { x1: x, x2: x, y1: axis, y2: y });
    set(disc, { cx: x, cy: y });
    // Beside the line, where few curves pass; on its left where there is no room on its right.
    const end = x + 9 * number.length + 10 > SIDE;
    set(text, { x: x + (end ? -9 : 9), y: (axis + y) / 2 + 5, 'text-anchor': end ? 'end' : 'start' });
    write(text, number);
  };
}
