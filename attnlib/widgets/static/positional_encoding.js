// PositionalEncodingExplorer: the sinusoidal encoding as a map of cells, as curves, as hands of clocks, and the
// dot product of two of its rows; see positional_encoding.py.

import { dot, fixed, html, liveFigure, panel, readWhole, Refused, set, shown, svg, write } from './common.js';
import { chart, marker, through } from './chart.js';
import { drawFaces } from './clock_faces.js';
import { drawMap, MAP_HEIGHT } from './encoding_map.js';

const CURVES_HEIGHT = MAP_HEIGHT;
const PRODUCTS_HEIGHT = 222;

/** The angle by which hand number `i` turns in a step. */
export const speed = (i, dim, base) => base ** ((-2 * i) / dim);

/** What attnlib.sinusoidal_encoding has at (position, column). */
export function entry(position, column, dim, base) {
  const angle = position * speed(Math.floor(column / 2), dim, base);
  return column % 2 ? Math.cos(angle) : Math.sin(angle);
}

export const encoding = (length, dim, base) =>
  Array.from({ length }, (_, position) =>
    Array.from({ length: dim }, (__, column) => entry(position, column, dim, base)));

/** The dot product of two rows that are `distance` apart: a cosine for each hand. */
export function productAt(distance, dim, base) {
  let sum = 0;
  for (let i = 0; i < dim / 2; i += 1) sum += Math.cos(distance * speed(i, dim, base));
  return sum;
}

/** The columns after a choice: in or out, at least one, and no more than can be told apart. */
export function choose(columns, column, most) {
  if (!columns.includes(column)) return [...columns, column].slice(-most);
  return columns.length > 1 ? columns.filter((other) => other !== column) : columns;
}

/** The columns to draw, in the order of their choice: those that there are at this width, else the last two. */
export function visible(columns, dim, most) {
  const there = [...new Set(columns)].filter((column) => column < dim).slice(-most);
  return there.length ? there : [dim - 2, dim - 1];
}

function readStructure(model) {
  const bases = model.get('bases');
  if (!Array.isArray(bases) || !bases.length || !bases.every((base) => base > 0 && Number.isFinite(base))) {
    throw new Refused('bases', { got: shown(bases) });
  }
  return { bases };
}

function readLive(model, { bases, limits }) {
  const dim = readWhole(model, 'dim', 2, limits.dim);
  if (dim % 2) throw new Refused('odd', { got: dim });
  const base = bases[readWhole(model, 'base_index', 0, bases.length - 1)];
  const shift = readWhole(model, 'shift', 0, limits.shift);
  const [m, n] = ['first', 'second'].map((name) => readWhole(model, name, 0, limits.position) + shift);
  const columns = model.get('columns');
  if (!Array.isArray(columns) || !columns.every((column) => Number.isInteger(column) && column >= 0)) {
    throw new Refused('columns', { got: shown(columns) });
  }
  return { dim, base, m, n, columns: visible(columns, dim, limits.columns).sort((a, b) => a - b) };
}

function draw(root, { limits }, { words, model, put }) {
  const { length, columns: most } = limits;
  const panels = html('div', { class: 'attn-planes' }, root);
  const pick = (column) =>
    put({ columns: choose(visible(model.get('columns'), model.get('dim'), most), column, most) });
  const updates = [
    drawMap(panels, words, length, pick), drawCurves(panels, length, most, words),
    drawProducts(panels, length, words), drawTable(panels, most, words),
  ];
  let drawn = '';
  let table = {};
  return ({ dim, base, m, n, columns }) => {
    const fresh = drawn !== `${dim} ${base}`;
    if (fresh) {
      drawn = `${dim} ${base}`;
      table = {
        P: encoding(length, dim, base),
        products: Array.from({ length }, (_, distance) => productAt(distance, dim, base)),
      };
    }
    const { P, products } = table;
    const product = dot(P[m], P[n]);
    for (const update of updates) update({ dim, base, m, n, columns, product, fresh, P });
    return {
      numbers: {
        dim, base, m, n, product, products, rows: [P[m], P[n]],
        columns: Object.fromEntries(columns.map((column) => [column, P.map((row) => row[column])])),
      },
      told: `m = ${m}, n = ${n}, n − m = ${fixed(n - m, 0)}: ${words.product} ${fixed(product)}`,
    };
  };
}

function drawCurves(parent, length, most, words) {
  const { root, range, at, legend } = panel(parent, words.curves, '', (place) => ({
    ...chart(place, CURVES_HEIGHT, words.position, { role: 'img', 'aria-label': words.curves }),
    legend: html('p', { class: 'attn-pe-legend' }, place),
  }));
  const lines = ['m', 'n'].map((name) => ({
    line: svg('line', { class: 'attn-pe-position', y1: 0, y2: CURVES_HEIGHT }, root),
    text: svg('text', { class: 'attn-label', y: 15, 'text-anchor': name === 'm' ? 'end' : 'start' }, root, name),
  }));
  const curves = Array.from({ length: most }, (_, i) => {
    const path = svg('path', { class: `attn-pe-curve attn-pe-color-${i}` }, root);
    const ends = [0, 1].map(() => svg('circle', { class: `attn-pe-dot attn-pe-color-${i}`, r: 4 }, root));
    const item = html('span', { class: 'attn-pe-item' }, legend);
    svg('path', { class: `attn-pe-curve attn-pe-color-${i}`, d: 'M1,6h26' }, svg('svg', { width: 28, height: 12, 'aria-hidden': 'true' }, item));
    return { path, ends, item, text: html('span', {}, item) };
  });
  range([0, length - 1], [-1.35, 1.35]);
  let drawn = '';
  return ({ dim, base, m, n, columns, P }) => {
    const draws = `${dim} ${base} ${columns}`;
    curves.forEach(({ path, ends, item, text }, i) => {
      const [there, column] = [i < columns.length, columns[i]];
      for (const element of [path, item, ...ends]) element.toggleAttribute('hidden', !there);
      if (!there) return;
      [m, n].forEach((p, k) => {
        const [cx, cy] = at([p, P[p][column]]);
        set(ends[k], { cx, cy });
      });
      if (draws === drawn) return;
      write(text, String(column));
      const points = Array.from({ length: 4 * (length - 1) + 1 }, (_, k) => at([k / 4, entry(k / 4, column, dim, base)]));
      set(path, { d: through(points), 'data-column': column });
    });
    drawn = draws;
    [m, n].forEach((p, i) => {
      const x = at([p, 0])[0];
      set(lines[i].line, { x1: x, x2: x });
      const before = i ? n < m : m <= n;
      set(lines[i].text, { x: x + (before ? -4 : 4), 'text-anchor': before ? 'end' : 'start' });
    });
  };
}

function drawProducts(parent, length, words) {
  const { root, range, at } = panel(parent, words.products, words.products_note, (place) =>
    chart(place, PRODUCTS_HEIGHT, 'n − m', { role: 'img', 'aria-label': words.products }));
  const curve = svg('path', { class: 'attn-pe-product-curve' }, root);
  const mark = marker(root);
  return ({ dim, base, m, n, product, fresh }) => {
    if (fresh) {
      const half = Array.from({ length: 4 * (length - 1) + 1 }, (_, k) => [k / 4, productAt(k / 4, dim, base)]);
      const both = [...half.slice(1).reverse().map(([x, y]) => [-x, y]), ...half]; // a product has no direction
      range([-length, length], [Math.min(0, ...half.map((point) => point[1])) - 0.13 * dim, 0.6 * dim]);
      set(curve, { d: through(both.map(at)) });
    }
    mark(at([n - m, product]), at([0, 0])[1], fixed(product));
    set(root, { 'aria-label': `${words.products}. n − m = ${fixed(n - m, 0)}: ${words.product} ${fixed(product)}` });
  };
}

function drawTable(parent, most, words) {
  const place = html('div', { class: 'attn-panel' }, parent);
  html('p', { class: 'attn-title' }, place, words.values);
  const turn = drawFaces(place, most, words);
  const table = html('table', { class: 'attn-table attn-pe-table' }, place);
  html('caption', { class: 'attn-hidden' }, table, words.table);
  const head = html('tr', {}, html('thead', {}, table));
  const body = html('tbody', {}, table);
  html('th', { scope: 'col' }, head, words.column);
  const rows = [words.wavelength, 'm', 'n'].map((name) => {
    const row = html('tr', {}, body);
    return { row, name: html('th', { scope: 'row' }, row, name) };
  });
  const heads = Array.from({ length: most }, () => html('th', { scope: 'col' }, head));
  const cells = rows.map(({ row }) => heads.map(() => html('td', {}, row)));
  const line = html('p', { class: 'attn-pe-sum' }, place);
  const [one, , other] = ['m', ' · ', 'n'].map((name) => {
    if (name === ' · ') return line.append(name);
    line.append('P');
    return html('sub', {}, line, name);
  });
  line.append(' = ');
  const result = html('strong', {}, line);
  const distance = html('span', { class: 'attn-note' }, line);
  return ({ dim, base, m, n, columns, P, product }) => {
    turn({ dim, m, n, columns, P });
    write(rows[1].name, `m = ${m}`);
    write(rows[2].name, `n = ${n}`);
    heads.forEach((cell, i) => {
      const column = columns[i];
      const texts = column === undefined ? ['', '', '', ''] : [
        String(column), wave((2 * Math.PI) / speed(Math.floor(column / 2), dim, base)),
        fixed(P[m][column], 3), fixed(P[n][column], 3),
      ];
      [cell, ...cells.map((row) => row[i])].forEach((element, k) => write(element, texts[k]));
    });
    write(one, String(m));
    write(other, String(n));
    write(result, fixed(product));
    write(distance, `  n − m = ${fixed(n - m, 0)}`);
  };
}

/** A wavelength with about three digits that count: 9.68, 35.3, 438k. */
export const wave = (value) =>
  value < 10_000 ? fixed(value, value < 10 ? 2 : value < 100 ? 1 : 0) : `${fixed(value / 1000, 0)}k`;

export default liveFigure({
  structure: ['bases'],
  live: ['dim', 'base_index', 'first', 'second', 'shift', 'columns'],
  readStructure,
  readLive,
  draw,
});
