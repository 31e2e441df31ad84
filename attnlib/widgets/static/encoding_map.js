// A matrix of values between −1 and 1 as a map of cells, with a cursor for pointer and keyboard: the first
// panel of PositionalEncodingExplorer.

import { fixed, html, onKeys, panel, set, svg, write } from './common.js';
import { SIDE } from './plane.js';
import { frame } from './chart.js';

const [POSITIVE, NEGATIVE] = [[43, 127, 211], [204, 96, 16]]; // 4 : 1 on white and on the dark paper alike
const MAP = { left: 30, top: 16, width: 254, height: 240 }; // within a frame of SIDE × MAP_HEIGHT
export const MAP_HEIGHT = 276;

/** The cells of `length` rows, and the number under the cursor; `pick(column)` is called for a choice. */
export function drawMap(parent, words, length, pick) {
  const { left, top, width, height } = MAP;
  const cell = height / length;
  const view = {};
  panel(parent, words.map, words.map_note, (panelRoot) => {
    const scale = html('span', { class: 'attn-pe-scale', 'aria-hidden': 'true' }, panelRoot.firstChild, '−1');
    html('span', { class: 'attn-pe-colors' }, scale);
    scale.append('1');
    view.place = html('div', {
      class: 'attn-pe-map', tabindex: 0, role: 'slider', 'aria-roledescription': words.cell_role,
      'aria-label': words.map, 'aria-valuemin': 0,
    }, panelRoot);
    view.canvas = html('canvas', { 'aria-hidden': 'true' }, view.place);
    view.root = frame(view.place, MAP_HEIGHT, { 'aria-hidden': 'true' });
    view.readout = html('p', { class: 'attn-pe-readout' }, panelRoot);
  });
  const { place, canvas, root, readout } = view;
  Object.assign(canvas.style, {
    left: `${(100 * left) / SIDE}%`, top: `${(100 * top) / MAP_HEIGHT}%`,
    width: `${(100 * width) / SIDE}%`, height: `${(100 * height) / MAP_HEIGHT}%`,
  });
  for (let p = 0; p < length; p += 10) {
    svg('text', { class: 'attn-tick', x: left - 5, y: top + p * cell + 6, 'text-anchor': 'end' }, root, String(p));
  }
  const ticks = svg('g', {}, root);
  const marks = svg('g', {}, root);
  const rows = ['m', 'n'].map((name, i) => {
    // Around the row, so that its cells stay in sight.
    const [halo, line] = [['attn-pe-halo', 2.25], ['attn-pe-row', 0.75]].map(([kind, gap]) =>
      svg('rect', { class: kind, x: left - gap, width: width + 2 * gap, height: cell + 2 * gap }, root));
    const leader = svg('path', { class: 'attn-pe-leader' }, root);
    const text = svg('text', { class: 'attn-label', x: left + width + [5, 20][i] }, root, name);
    return { halo, line, leader, text, gap: [3, 18][i] };
  });
  const cursor = svg('rect', { class: 'attn-pe-cursor', height: cell + 3 }, root);

  let now = null;
  let [row, column] = [0, 0];
  const show = () => {
    column = Math.min(column, now.dim - 1);
    const x = width / now.dim;
    set(cursor, { x: left + column * x - 1.5, y: top + row * cell - 1.5, width: x + 3 });
    const hand = `${column % 2 ? 'cos' : 'sin'}(${row} / ${now.base}^(${2 * Math.floor(column / 2)}/${now.dim}))`;
    const text = `P[${row}, ${column}] = ${hand} = ${fixed(now.P[row][column], 3)}`;
    write(readout, text);
    set(readout, { 'data-value': now.P[row][column] });
    set(place, { 'aria-valuenow': column, 'aria-valuemax': now.dim - 1, 'aria-valuetext': text });
  };
  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    const part = (value, count) => Math.min(Math.max(Math.floor(value * count), 0), count - 1);
    column = part((event.clientX - box.left) / box.width, now.dim);
    row = part((event.clientY - box.top) / box.height, length);
    show();
  };
  place.addEventListener('pointermove', point);
  place.addEventListener('click', (event) => {
    point(event);
    pick(column);
  });
  const step = (down, right) => (event) => {
    const far = event.shiftKey ? 10 : 1;
    row = Math.min(Math.max(row + far * down, 0), length - 1);
    column = Math.min(Math.max(column + far * right, 0), now.dim - 1);
    show();
  };
  const here = () => pick(column);
  onKeys(place, {
    ArrowLeft: step(0, -1), ArrowRight: step(0, 1), ArrowUp: step(-1, 0), ArrowDown: step(1, 0), Enter: here, ' ': here,
  });

  return (state) => {
    if (state.fresh) {
      paintCells(canvas, state.P, state.dim);
      ticks.replaceChildren();
      const step = [1, 2, 4, 8, 16, 32].find((each) => state.dim / each <= 8);
      for (let j = 0; j < state.dim; j += step) {
        svg('text', { class: 'attn-tick', x: left + ((j + 0.5) * width) / state.dim, y: top + height + 14, 'text-anchor': 'middle' }, ticks, String(j));
      }
    }
    if (!now) [row, column] = [state.m, state.columns[0]];
    now = state;
    marks.replaceChildren();
    state.columns.forEach((j, i) => {
      const x = width / state.dim;
      svg('rect', { class: `attn-pe-mark attn-pe-color-${i}`, x: left + j * x, y: top - 9, width: Math.max(x - 1, 1.5), height: 7 }, marks);
    });
    [state.m, state.n].forEach((p, i) => {
      const y = top + p * cell;
      set(rows[i].halo, { y: y - 2.25 });
      set(rows[i].line, { y: y - 0.75 });
      set(rows[i].leader, { d: `M${left + width},${y + cell / 2}h${rows[i].gap}` });
      set(rows[i].text, { y: y + 7 });
    });
    show();
  };
}

/** A cell's colour says the sign, its strength the size; the paper shines through, in the dark as well. */
function paintCells(canvas, P, dim) {
  Object.assign(canvas, { width: dim, height: P.length });
  const context = canvas.getContext('2d');
  const image = context.createImageData(dim, P.length);
  P.forEach((row, p) => row.forEach((value, j) => {
    const color = value < 0 ? NEGATIVE : POSITIVE;
    image.data.set([...color, Math.round(255 * Math.abs(value))], 4 * (p * dim + j));
  }));
  context.putImageData(image, 0, 0);
}
