// Tiles: a row of scores read tile by tile, with a running maximum, sum and output; see tiles.py.

import { fixed, html, liveFigure, readRow, readWhole, Refused, say, set, shown, softmax, svg, weightedSum, write } from './common.js';

const [RIGHT, NONE, FLIPPED] = [0, 1, 2];

// --- maths -----------------------------------------------------------------------------------

const float32 = Math.fround; // each operation is rounded as there, and overflows as there
const total = (numbers) => numbers.reduce((sum, each) => float32(sum + each), 0);

/** The numbers of the tiles as they are read: 0 1 2 3, 3 2 1 0 or 1 3 0 2. */
export function inOrder(tiles, order) {
  const every = Array.from({ length: tiles }, (_, tile) => tile);
  const [even, odd] = [0, 1].map((rest) => every.filter((tile) => tile % 2 === rest));
  return [every, [...every].reverse(), [...odd, ...even]][order];
}

/** The keys of a tile. */
export const keysOf = (each, { scores, tile }) => [...scores.keys()].slice(each * tile, (each + 1) * tile);

/** Read tile after tile; what is held after each, and the weight that each key has in it. */
export function readTiles(row, { read, order, ofTile, rescale, factor }) {
  const scores = row.scores.map((score) => float32(score * factor));
  const parts = scores.map(() => 0); // what each key read has in l
  let [m, l, o] = [0, 0, 0];
  return inOrder(row.tiles, order).slice(0, read).map((each, step) => {
    const keys = keysOf(each, row);
    const largest = Math.max(...keys.map((key) => scores[key]));
    const next = step && !ofTile ? Math.max(m, largest) : largest;
    // The first tile begins: there is nothing before it.
    const f = step && rescale !== NONE ? float32(Math.exp(rescale === FLIPPED ? next - m : m - next)) : 1;
    parts.forEach((part, key) => { if (part) parts[key] = float32(part * f); });
    for (const key of keys) parts[key] = float32(Math.exp(scores[key] - next));
    l = float32(float32(l * f) + total(keys.map((key) => parts[key])));
    o = float32(float32(o * f) + total(keys.map((key) => float32(parts[key] * row.values[key]))));
    m = next;
    return { tile: each + 1, m, f, l, o, output: float32(o / l), weights: parts.map((part) => float32(part / l)) };
  });
}

/** The softmax of all keys read, at once: their weights (0 for the others) and the output. */
export function atOnce(row, { read, order, factor }) {
  const keys = inOrder(row.tiles, order).slice(0, read).flatMap((each) => keysOf(each, row));
  const some = softmax(keys.map((key) => row.scores[key] * factor));
  const weights = row.scores.map((_, key) => (keys.includes(key) ? some[keys.indexOf(key)] : 0));
  return { weights, output: weightedSum(weights, row.values.map((value) => [value]))[0] };
}

/** Bytes of a head with `length` tokens: a tile of scores and m, l, o of its queries; all scores. */
export function bytes(length, { block, width }) {
  const side = Math.min(block, length);
  return { held: 4 * (side * side + side * (width + 2)), whole: 4 * length * length };
}

// --- what is said of numbers -------------------------------------------------------------------

/** A number in five signs or less, if it is finite and not far from 1. */
export function short(value) {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : '∞';
  if (size && (size < 0.005 || size >= 1e4)) return value.toExponential(0).replace('+', '').replaceAll('-', '−');
  return fixed(value, size < 100 ? 2 : 0);
}

/** A number with one decimal, if it needs one. */
const brief = (value) => fixed(value, Number.isInteger(value) ? 0 : 1);

export function sizeText(count) {
  const unit = Math.floor(Math.log10(count) / 3);
  return `${Number((count / 1000 ** unit).toPrecision(3))} ${['B', 'kB', 'MB', 'GB', 'TB'][unit]}`;
}

// --- traits ----------------------------------------------------------------------------------

function readRowOf(model, name, width, reach) {
  const row = readRow(model, name, width);
  if (row.some((each) => Math.abs(each) > reach)) throw new Refused('reach', { name, reach, got: shown(row) });
  return row;
}

function readStructure(model, { keys, reach }) {
  const count = model.get('scores')?.length;
  if (!(count >= 2 && count <= keys)) throw new Refused('count', { most: keys, got: shown(model.get('scores')) });
  const tile = readWhole(model, 'tile', 1, count - 1);
  return {
    scores: readRowOf(model, 'scores', count, reach),
    values: readRowOf(model, 'values', count, reach),
    tile,
    tiles: Math.ceil(count / tile),
  };
}

const readLive = (model, { tiles, limits }) => ({
  read: readWhole(model, 'read', 1, tiles),
  order: readWhole(model, 'order', 0, limits.orders - 1),
  ofTile: readWhole(model, 'maximum', 0, 1) === 1,
  rescale: readWhole(model, 'rescale', RIGHT, FLIPPED),
  factor: readWhole(model, 'factor', 1, limits.factor),
  exponent: readWhole(model, 'exponent', limits.least_exponent, limits.most_exponent),
});

// --- drawing ---------------------------------------------------------------------------------

const kept = (value) => (Number.isFinite(value) ? value : String(value)); // JSON has no NaN

function draw(root, row, { words }) {
  const setting = html('p', { class: 'attn-tiles-setting' }, root);
  const [result, judged] = [html('span', {}, setting), html('span', { class: 'attn-detail' }, setting)];
  const parts = html('div', { class: 'attn-tiles-parts' }, root);
  const charts = html('div', { class: 'attn-planes' }, parts);
  const looks = [drawScores(charts, row, words), drawWeights(charts, row, words)];
  const table = drawTable(parts, row, words);
  const measures = drawBytes(parts, row.limits, words);
  return ({ read, order, ofTile, rescale, factor, exponent }) => {
    const now = { read, order, ofTile, rescale, factor };
    const steps = readTiles(row, now);
    const last = steps[steps.length - 1];
    const right = atOnce(row, now);
    const error = Math.abs(last.output - right.output);
    const verdict = Number.isFinite(error) ? error < 1e-4 ? words.exact : say(words.off, { error: fixed(error) }) : words.overflow;
    const text = [`o / l = ${short(last.output)}`, `${say(words.at_once, { right: fixed(right.output) })}: ${verdict}`];
    write(result, text[0]);
    write(judged, text[1]);
    for (const look of looks) look(steps, right.weights, factor);
    table(steps);
    const [length, { tile, m, f, l }] = [2 ** exponent, last];
    const held = bytes(length, row.limits);
    const said = measures(length, held);
    return {
      numbers: {
        ...now, length, bytes: held, right,
        steps: steps.map(({ weights, ...step }) => ({ ...Object.fromEntries(Object.entries(step).map(([name, value]) => [name, kept(value)])), weights: weights.map(kept) })),
      },
      told: `${say(words.step, { tile, m: short(m), f: short(f), l: short(l) })} ${text.join(', ')}. ${said}`,
    };
  };
}

const [WIDE, HIGH, LEFT] = [320, 168, 22]; // a chart's view box, and where its keys begin

/** The frame of a chart with a place for each key, the numbers of tiles on top, lines between them. */
function frame(parent, title, detail, { scores, tile, tiles }) {
  const place = html('div', { class: 'attn-panel' }, parent);
  html('span', { class: 'attn-detail' }, html('p', { class: 'attn-title' }, place, title), detail);
  const root = svg('svg', { class: 'attn-tiles-chart', viewBox: `0 0 ${WIDE} ${HIGH}`, role: 'img' }, place);
  const step = (WIDE - LEFT) / scores.length;
  const band = svg('rect', { class: 'attn-tiles-band', y: 0, height: HIGH }, root);
  const mark = (x, y, text, kind = '') => svg('text', { class: `attn-tick ${kind}`, x, y, 'text-anchor': 'middle' }, root, text);
  for (let each = 0; each < tiles; each += 1) {
    const [from, to] = [each * tile, Math.min((each + 1) * tile, scores.length)].map((key) => LEFT + key * step);
    if (each) svg('line', { class: 'attn-tiles-border', x1: from, x2: from, y1: 0, y2: HIGH }, root);
    mark((from + to) / 2, 12, each + 1);
  }
  const bars = scores.map((_, key) => svg('rect', { class: 'attn-tiles-bar', x: LEFT + (key + 0.16) * step, width: 0.68 * step }, root));
  const show = (last) => set(band, { x: LEFT + (last - 1) * tile * step, width: Math.min(tile, scores.length - (last - 1) * tile) * step });
  return { root, bars, mark, show, center: (key) => LEFT + (key + 0.5) * step };
}

/** Scores as bars up and down, those not read framed only, and the line of m. */
function drawScores(parent, row, words) {
  const { root, bars, mark, show, center } = frame(parent, words.scores, words.scores_detail, row);
  root.classList.add('attn-tiles-scores');
  const [low, high] = [Math.min(0, ...row.scores), Math.max(0, ...row.scores)];
  const at = (score) => 34 + ((high - score) / (high - low || 1)) * (HIGH - 54);
  svg('line', { class: 'attn-axis', x1: LEFT, x2: WIDE, y1: at(0), y2: at(0) }, root);
  const line = svg('line', { class: 'attn-tiles-maximum', x1: LEFT - 6, x2: WIDE }, root);
  const texts = row.scores.map((score, key) => {
    set(bars[key], { y: at(Math.max(score, 0)), height: Math.abs(at(0) - at(score)) });
    return mark(center(key), score < 0 ? at(score) + 13 : at(score) - 4, '', 'attn-tiles-number');
  });
  const name = mark(10, 0, 'm', 'attn-tiles-number');
  return (steps, _, factor) => {
    const { tile, m } = steps[steps.length - 1];
    show(tile);
    const read = new Set(steps.flatMap((each) => keysOf(each.tile - 1, row)));
    bars.forEach((bar, key) => set(bar, { 'data-read': read.has(key) }));
    texts.forEach((text, key) => write(text, brief(row.scores[key] * factor)));
    set(line, { y1: at(m / factor), y2: at(m / factor) });
    set(name, { y: at(m / factor) + 4 });
    const list = [...read].map((key) => brief(row.scores[key] * factor)).join(', ');
    set(root, { 'aria-label': `${words.scores}: ${list}. m = ${brief(m)}` });
  };
}

/** The weight of each key in o / l as bars, the right ones as rings, the values below. */
function drawWeights(parent, row, words) {
  const { root, bars, mark, show, center } = frame(parent, words.weights, words.weights_detail, row);
  root.classList.add('attn-tiles-weights');
  const at = (weight) => HIGH - 22 - weight * (HIGH - 48);
  for (const weight of [0, 0.5, 1]) {
    svg('line', { class: weight ? 'attn-grid' : 'attn-axis', x1: LEFT, x2: WIDE, y1: at(weight), y2: at(weight) }, root);
    mark(10, at(weight) + 4, String(weight));
  }
  bars.forEach((bar) => root.append(bar));
  mark(10, HIGH - 6, 'v', 'attn-tiles-value');
  const rings = row.values.map((value, key) => {
    mark(center(key), HIGH - 6, brief(value), 'attn-tiles-value');
    return svg('circle', { class: 'attn-tiles-ring', cx: center(key) }, root);
  });
  return (steps, right) => {
    const { tile, weights } = steps[steps.length - 1];
    show(tile);
    bars.forEach((bar, key) => {
      const weight = Number.isFinite(weights[key]) ? weights[key] : 0;
      set(bar, { y: at(weight), height: at(0) - at(weight) });
    });
    rings.forEach((ring, key) => set(ring, { cy: at(right[key]), r: right[key] ? 4 : 0 }));
    const list = (numbers) => numbers.map(short).join(', ');
    set(root, { 'aria-label': `${words.weights}: ${list(weights)}. ${words.weights_detail}: ${list(right)}` });
  };
}

/** A row for each tile, empty until it is read. */
function drawTable(parent, { tiles }, words) {
  const table = html('table', { class: 'attn-table attn-tiles-steps' }, html('div', { class: 'attn-tiles-scroller' }, parent));
  html('caption', { class: 'attn-hidden' }, table, words.table);
  const head = html('tr', {}, html('thead', {}, table));
  for (const text of [words.tile, 'm', 'f', 'l', 'o', 'o / l']) html('th', { scope: 'col' }, head, text);
  const body = html('tbody', {}, table);
  const rows = Array.from({ length: tiles }, () => {
    const place = html('tr', {}, body);
    return [html('th', { scope: 'row' }, place), ...Array.from({ length: 5 }, () => html('td', {}, place))];
  });
  return (steps) => rows.forEach((cells, i) => {
    const { tile, m, f, l, o, output } = steps[i] ?? {};
    const said = steps[i] ? [tile, brief(m), i ? short(f) : '–', ...[l, o, output].map(short)] : Array(6).fill('·');
    cells.forEach((cell, column) => write(cell, String(said[column])));
  });
}

/** Two tracks of bytes; each mark is a thousand times the one before. */
function drawBytes(parent, limits, words) {
  const place = html('div', { class: 'attn-tiles-bytes' }, parent);
  const title = html('p', { class: 'attn-title' }, place);
  const list = html('dl', {}, place);
  const tracks = ['held', 'whole'].map((name) => {
    html('dt', {}, list, words[name]);
    const number = html('dd', {}, list);
    const filled = html('span', {}, html('dd', { class: 'attn-tiles-track', 'aria-hidden': 'true' }, list));
    return (count) => {
      write(number, sizeText(count));
      filled.style.width = `${(100 * Math.log10(count)) / 13}%`;
    };
  });
  html('p', { class: 'attn-note' }, place, say(words.note, limits));
  return (length, { held, whole }) => {
    const text = say(words.bytes, { length: String(length).replace(/\B(?=(\d{3})+$)/g, '\u2009') });
    write(title, text);
    [held, whole].forEach((count, i) => tracks[i](count));
    return `${text}. ${words.held}: ${sizeText(held)}. ${words.whole}: ${sizeText(whole)}.`;
  };
}

export default liveFigure({
  structure: ['scores', 'values', 'tile'],
  live: ['read', 'order', 'maximum', 'rescale', 'factor', 'exponent'],
  readStructure,
  readLive,
  draw,
});
