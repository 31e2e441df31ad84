// RotaryExplorer: a query and a key turn with their positions, their score follows the offset; see
// rotary.py.

import {
  dot, fixed, html, liveFigure, panel, readFlag, readNumber, readRow, readWhole, Refused, set, svg, write,
} from './common.js';
import { arrow, SIDE } from './plane.js';
import { chart, dots, frame, marker, through } from './chart.js';

const HEIGHT = 208; // of the chart
const NAMES = ['1', 'θ', 'θ²', 'θ³'];

export const turn = ([a, b], angle) => {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return [a * cos - b * sin, a * sin + b * cos];
};

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** What attnlib.RotaryPositionalEncoding makes of a query at n and a key at m, a pair for each speed. */
export function rotate(query, key, n, m, speeds) {
  const queries = speeds.map((speed) => turn(query, n * speed));
  const keys = speeds.map((speed) => turn(key, m * speed));
  const scores = queries.map((turned, i) => dot(turned, keys[i]));
  return { queries, keys, scores, score: sum(scores) };
}

function readStructure(model) {
  const [query, key] = ['query_vector', 'key_vector'].map((name) => readRow(model, name, 2));
  return { query, key };
}

function readLive(model, { query, key, limits }) {
  const shift = readWhole(model, 'shift', 0, limits.shift);
  const [n, m] = ['query_position', 'key_position'].map((name) => readWhole(model, name, 0, limits.position) + shift);
  const theta = readNumber(model, 'theta');
  if (!(theta > 0 && theta <= 1)) throw new Refused('theta', { got: theta });
  const powers = readFlag(model, 'four_speeds') ? [0, 1, 2, 3] : [1];
  const speeds = powers.map((power) => theta ** power);
  const names = powers.map((power) => NAMES[power]);
  return { n, m, theta, speeds, names, ...rotate(query, key, n, m, speeds) };
}

function draw(root, structure, { words }) {
  const panels = html('div', { class: 'attn-planes' }, root);
  const updates = [drawArrows(panels, words), drawScores(panels, structure.limits.position, words), drawTable(panels.lastChild, words)];
  return (now) => {
    for (const update of updates) update(now);
    const { n, m, theta, queries, keys, scores, score } = now;
    return {
      numbers: { n, m, theta, queries, keys, scores, score },
      told: `n = ${n}, m = ${m}, n − m = ${fixed(n - m, 0)}: ${words.score} ${fixed(score)}`,
    };
  };
}

function drawArrows(parent, words) {
  const root = panel(parent, words.arrows, words.arrows_note, (place) =>
    frame(place, SIDE, { role: 'img', 'aria-label': words.arrows }));
  root.parentNode.classList.add('attn-rotary-arrows');
  let dials = [];
  return ({ query, key, queries, keys, names, speeds }) => {
    if (dials.length !== names.length) {
      root.replaceChildren();
      const side = names.length > 1 ? SIDE / 2 : SIDE;
      dials = names.map((_, i) => drawDial(root, side * (i % 2), side * Math.floor(i / 2), side, [query, key]));
    }
    dials.forEach((dial, i) => {
      const speed = Number(speeds[i].toPrecision(3));
      dial([queries[i], keys[i]], names[i] === '1' ? '1' : `${names[i]} = ${speed}`);
    });
  };
}

/** The two arrows of one speed, in a square; returns a function that turns them. */
function drawDial(parent, left, top, side, vectors) {
  const alone = side === SIDE;
  const [cx, cy] = [left + side / 2, top + (alone ? 0.5 : 0.44) * side]; // the speed stands below
  const lengths = vectors.map((vector) => Math.hypot(...vector));
  const unit = ((alone ? 0.41 : 0.33) * side) / (Math.max(...lengths) || 1);
  const at = ([x, y]) => [cx + unit * x, cy - unit * y];
  /** The point `distance` SVG units from the centre towards a vector. */
  const towards = (vector, i, distance) => at(vector.map((value) => (value * distance) / (unit * lengths[i] || 1)));

  for (const length of lengths) svg('circle', { class: 'attn-rotary-orbit', cx, cy, r: unit * length }, parent);
  const angle = svg('path', { class: 'attn-rotary-angle' }, parent);
  const kinds = ['attn-rotary-query', 'attn-rotary-key'];
  vectors.forEach((vector, i) => arrow(parent, `${kinds[i]} attn-rotary-before`, 8)([cx, cy], at(vector)));
  const hands = kinds.map((kind) => arrow(parent, kind, alone ? 12 : 8));
  const letters = kinds.map((kind, i) =>
    svg('text', { class: `attn-label ${kind}`, 'text-anchor': 'middle' }, parent, 'qk'[i]));
  const middle = { class: 'attn-label', x: cx, y: top + side - 7, 'text-anchor': 'middle' };
  const speed = svg('text', alone ? { class: 'attn-label', x: 10, y: 22 } : middle, parent);

  return (turned, tag) => {
    turned.forEach((vector, i) => {
      hands[i]([cx, cy], at(vector));
      const [x, y] = towards(vector, i, unit * lengths[i] + (alone ? 13 : 10));
      set(letters[i], { x, y: y + 5 });
    });
    write(speed, tag);
    // From key to query, the shorter way round; on the page y points down.
    const [[qx, qy], [kx, ky]] = turned;
    const r = 0.16 * side;
    const [to, from] = turned.map((vector, i) => towards(vector, i, r));
    set(angle, { d: `M${cx},${cy}L${from}A${r},${r} 0 0 ${kx * qy > ky * qx ? 0 : 1} ${to}Z` });
  };
}

/** The score over the offset, as far as two positions can be apart without a shift. */
function drawScores(parent, last, words) {
  const { root, range, at } = panel(parent, words.scores, words.scores_note, (place) =>
    chart(place, HEIGHT, 'n − m', { role: 'img', 'aria-label': words.scores }));
  const unturned = svg('line', { class: 'attn-rotary-unturned', x1: 0, x2: SIDE }, root);
  const curve = svg('path', { class: 'attn-rotary-curve' }, root);
  const whole = svg('path', { class: 'attn-rotary-dots' }, root);
  const mark = marker(root);
  let drawn = '';
  return ({ query, key, n, m, speeds, score }) => {
    if (drawn !== speeds.join()) {
      drawn = speeds.join();
      const most = 1.25 * speeds.length * (Math.hypot(...query) * Math.hypot(...key) || 1);
      range([-last - 1, last + 1], [-most, most]);
      // A query at 0 and a key at -distance are as far apart as any two.
      const points = (step) => Array.from({ length: (2 * last) / step + 1 }, (_, i) => {
        const distance = i * step - last;
        return at([distance, rotate(query, key, distance, 0, speeds).score]);
      });
      set(curve, { d: through(points(0.25)) });
      set(whole, { d: dots(points(1)) });
      const y = at([0, speeds.length * dot(query, key)])[1];
      set(unturned, { y1: y, y2: y });
    }
    mark(at([n - m, score]), at([0, 0])[1], fixed(score));
    set(root, { 'aria-label': `${words.scores}. n − m = ${fixed(n - m, 0)}: ${words.score} ${fixed(score)}` });
  };
}

function drawTable(parent, words) {
  const table = html('table', { class: 'attn-table attn-rotary-table' }, parent);
  html('caption', { class: 'attn-hidden' }, table, words.table);
  const head = html('tr', {}, html('thead', {}, table));
  const heads = [words.speed, '', '', '', words.score].map((text) => html('th', { scope: 'col' }, head, text));
  const [body, foot] = ['tbody', 'tfoot'].map((tag) => html(tag, {}, table));
  heads[1].classList.add('attn-rotary-query');
  heads[2].classList.add('attn-rotary-key');
  let rows = [];
  const newRow = (part, name) => {
    const row = html('tr', {}, part);
    html('th', { scope: 'row' }, row, name);
    return [1, 2, 3, 4].map((i) => html('td', { class: ['', 'attn-rotary-query', 'attn-rotary-key', '', ''][i] }, row));
  };
  return ({ n, m, speeds, names, scores, score }) => {
    write(heads[1], `n = ${n}`);
    write(heads[2], `m = ${m}`);
    write(heads[3], `n − m = ${fixed(n - m, 0)}`);
    const count = names.length > 1 ? names.length + 1 : 1;
    if (rows.length !== count) {
      body.replaceChildren();
      foot.replaceChildren();
      rows = names.map((name) => newRow(body, name));
      if (names.length > 1) rows.push(newRow(foot, words.sum));
    }
    speeds.forEach((speed, i) => {
      [n * speed, m * speed, (n - m) * speed, scores[i]].forEach((value, j) => write(rows[i][j], fixed(value)));
    });
    if (names.length > 1) write(rows.at(-1)[3], fixed(score));
  };
}

export default liveFigure({
  structure: ['query_vector', 'key_vector'],
  live: ['query_position', 'key_position', 'shift', 'theta', 'four_speeds'],
  readStructure,
  readLive,
  draw,
});
