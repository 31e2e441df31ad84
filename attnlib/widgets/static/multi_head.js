// MultiHeadView: the weights of several heads as heat maps, lines and numbers; see multi_head.py.

import { fixed, html, liveFigure, liveRegion, readNumber, readTokens, set, svg, write } from './common.js';

const MOST_HEADS = 12; // the same numbers as in multi_head.py
const MOST_TOKENS = 64;
const MOST_LABELS = 12; // beside a heat map
const LEVELS = 50; // shades of a heat map: a path for each, instead of an element for each cell
const CELL = 20; // SVG units of a heat map
const VISIBLE = 0.005; // what is written as 0.00 has no line
const WIDTHS = 30; // widths of a line
const SMALL = 0.05; // smaller weights are written in grey
// A colour for each head is in multi_head.css; nobody has to tell heads apart by it alone.
const DASHES = ['none', '9 4', '2 3', '14 4 3 4', '5 5', '18 5', '3 6', '9 3 2 3 2 3'];

// --- what is shown -----------------------------------------------------------------------------

/** `count` float32 numbers (little endian) from their base64 text. */
export function decode(text, count) {
  const wanted = `weights must be ${count} float32 numbers in base64`;
  let bytes;
  try {
    if (typeof text === 'string') bytes = atob(text);
  } catch { /* no base64: said below */ }
  if (bytes === undefined) throw new Error(`${wanted}, got ${String(text).slice(0, 20)}`);
  if (bytes.length !== 4 * count) throw new Error(`${wanted}, got ${bytes.length / 4}`);
  const view = new DataView(new ArrayBuffer(bytes.length));
  for (let i = 0; i < bytes.length; i += 1) view.setUint8(i, bytes.charCodeAt(i));
  return Float64Array.from({ length: count }, (_, i) => view.getFloat32(4 * i, true));
}

/** Mean over the heads, of shape (q_len, k_len): what nn.MultiheadAttention returns by default. */
export function meanOfHeads(weights, heads) {
  const size = weights.length / heads;
  return Float64Array.from({ length: size }, (_, i) => {
    let sum = 0;
    for (let head = 0; head < heads; head += 1) sum += weights[head * size + i];
    return sum / heads;
  });
}

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

const decoded = new WeakMap(); // by model: choosing a query must not read 49152 numbers again

function readWeights(model, shape) {
  const text = model.get('weights');
  const known = decoded.get(model);
  if (known?.text === text && known.shape.join() === shape.join()) return known;
  const [heads, rows, columns] = shape;
  const weights = decode(text, heads * rows * columns);
  const wrong = weights.findIndex((weight) => !(weight >= 0 && weight <= 1.001));
  if (wrong >= 0) {
    const place = `head ${Math.floor(wrong / rows / columns)}, query ${Math.floor(wrong / columns) % rows}, key ${wrong % columns}`;
    throw new Error(`weights must lie between 0 and 1, got ${weights[wrong]} at ${place}`);
  }
  const size = rows * columns;
  const matrices = Array.from({ length: heads }, (_, head) => weights.subarray(head * size, (head + 1) * size));
  matrices.push(meanOfHeads(weights, heads));
  decoded.set(model, { text, shape, matrices });
  return decoded.get(model);
}

function read(model) {
  const names = readTokens(model, 'head_names', MOST_HEADS);
  const [queries, keys] = ['query_tokens', 'key_tokens'].map((name) => readTokens(model, name, MOST_TOKENS));
  const { matrices } = readWeights(model, [names.length, queries.length, keys.length]);
  const mask = model.get('mask');
  const row = new RegExp(`^[01]{${keys.length}}$`);
  if (!Array.isArray(mask) || (mask.length && (mask.length !== queries.length || !mask.every((text) => row.test(text))))) {
    throw new Error(`mask must be empty or ${queries.length} texts of ${keys.length} digits 0 or 1`);
  }
  const [query, start] = ['query', 'start'].map((name) => {
    const value = readNumber(model, name);
    if (!(value in queries)) throw new Error(`${name} must be a whole number from 0 to ${queries.length - 1}, got ${value}`);
    return value;
  });
  const shown = model.get('shown');
  if (!Array.isArray(shown) || shown.length !== matrices.length || !shown.every((on) => typeof on === 'boolean')) {
    throw new Error(`shown must be ${matrices.length} booleans: one for each head and one for the mean`);
  }
  return { names, queries, keys, matrices, query, start, shown, masked: (i, j) => mask[i]?.[j] === '0' };
}

// --- how it is shown -----------------------------------------------------------------------------

function draw(root, state, model, signal) {
  const words = model.get('words');
  const { names, queries, keys, matrices } = state;
  const put = (changes) => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  };
  const choose = (query) => put({ query: Math.min(Math.max(query, 0), queries.length - 1) });
  const start = { query: state.start, shown: matrices.map(() => true) };

  set(root, { role: 'group', 'aria-label': words.figure });
  const bar = html('div', { class: 'attn-bar' }, root);
  html('p', { class: 'attn-hint' }, bar, words.hint);
  html('button', { class: 'attn-button', type: 'button' }, bar, words.reset).addEventListener('click', () => put(start));

  const titles = [...names.map((name, head) => `${words.head} ${head} ${name}`.trim()), words.mean];
  const longest = Math.max(queries.length, keys.length);
  const density = longest <= MOST_LABELS ? 'roomy' : longest <= 24 ? 'middle' : 'dense';
  const place = html('div', { class: `attn-heads attn-heads-${density}` }, root);
  const toggle = (head) => put({ shown: model.get('shown').map((on, i) => (i === head ? !on : on)) });
  const updates = [
    drawMaps(place, state, words, titles, choose, toggle),
    drawQuery(place, state, words, titles, choose, () => model.get('query')),
  ];
  const say = liveRegion(root, signal);
  let first = true;
  return (now) => {
    for (const update of updates) update(now);
    const rows = matrices.map((matrix) => Array.from(rowOf(matrix, now.query, keys.length)));
    root.dataset.numbers = JSON.stringify({ query: now.query, weights: rows.slice(0, -1), mean: rows.at(-1), shown: now.shown });
    const looks = titles.map((title, head) => {
      if (!now.shown[head]) return `${title}: ${words.off}`;
      const key = strongest(rows[head]);
      return `${title}: ${keys[key]} ${fixed(rows[head][key])}`;
    });
    // The opening state stands in the table; only changes are spoken.
    if (!first) say(`${words.query} ${now.query}, ${queries[now.query]}. ${looks.join('; ')}.`);
    first = false;
  };
}

const rowOf = (matrix, row, columns) => matrix.subarray(row * columns, (row + 1) * columns);
const strongest = (row) => row.reduce((best, weight, i) => (weight > row[best] ? i : best), 0);
const badge = (parent, head) => html('span', { class: `attn-heads-badge attn-heads-${head}` }, parent, head);
const dash = (head, heads) => (head < heads ? DASHES[head % DASHES.length] : '1 3'); // the last is the mean
const colorOf = (head, heads) => (head < heads ? `attn-heads-${head}` : 'attn-heads-mean');

/** A heat map for each head and one for their mean, with the row of the query framed in all of them. */
function drawMaps(parent, { names, queries, keys, matrices, masked }, words, titles, choose, toggle) {
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
      'aria-label': `${titles[head]}: ${words.map.replace('{q}', queries.length).replace('{k}', keys.length)}`,
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

/** Queries to choose from, lines from the chosen one to the keys, and the keys with their weights. */
function drawQuery(parent, state, words, titles, choose, chosen) {
  const { queries, keys, matrices } = state;
  const title = html('p', { class: 'attn-title' }, parent);
  const grid = html('div', { class: 'attn-heads-lines' }, parent);
  const rows = Math.max(queries.length, keys.length); // the shorter column stands in the middle
  grid.style.setProperty('--attn-rows', rows);
  const list = drawTokens(grid, queries, (rows - queries.length) / 2, words, choose, chosen);
  const updates = [drawLines(grid, state, rows), drawTable(grid, state, rows, words, titles)];

  let before = {};
  return ({ query, shown }) => {
    write(title, `${words.query} ${query}: ${queries[query]}`);
    list(query);
    matrices.forEach((matrix, head) => {
      if (query === before.query && shown[head] === before.shown[head]) return;
      for (const update of updates) update(head, query, rowOf(matrix, query, keys.length), shown[head]);
    });
    before = { query, shown };
  };
}

function drawTokens(parent, tokens, shift, words, choose, chosen) {
  const list = html('div', { class: 'attn-heads-queries', role: 'radiogroup', 'aria-label': words.query }, parent);
  list.style.setProperty('--attn-shift', shift);
  const radios = tokens.map((token, i) => {
    const radio = html('button', {
      class: 'attn-heads-token', type: 'button', role: 'radio', title: token, 'aria-label': `${token} ${i}`,
    }, list, token);
    radio.addEventListener('click', () => choose(i));
    return radio;
  });
  const steps = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1, Home: -Infinity, End: Infinity };
  list.addEventListener('keydown', (event) => {
    if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    choose(chosen() + steps[event.key]);
    radios[chosen()].focus();
  });
  return (query) => radios.forEach((radio, i) => set(radio, { 'aria-checked': i === query, tabindex: i === query ? 0 : -1 }));
}

/** Lines as thick and as opaque as weights; the number of a head stands on its thickest. */
function drawLines(parent, { names, queries, keys, matrices }, rows) {
  const place = html('div', { class: 'attn-heads-canvas', 'aria-hidden': 'true' }, parent);
  const drawing = svg('svg', { viewBox: `0 0 100 ${rows}`, preserveAspectRatio: 'none' }, place);
  const lane = Math.min(0.17, 0.8 / matrices.length); // lines to one key run side by side
  const to = (key, head) => key + 0.5 + (rows - keys.length) / 2 + (head - names.length / 2) * lane;
  const thickest = rows <= MOST_LABELS ? 7 : 4;
  const heads = [];
  for (const head of [names.length, ...names.keys()]) { // the mean lies below the heads
    const group = svg('g', { class: colorOf(head, names.length), 'stroke-dasharray': dash(head, names.length) }, drawing);
    // A path for all weights of about one size: a path for each weight would make hundreds of them.
    const paths = Array.from({ length: WIDTHS + 1 }, (_, size) => svg('path', {
      'vector-effect': 'non-scaling-stroke',
      'stroke-width': 0.6 + (thickest * size) / WIDTHS,
      'stroke-opacity': Math.sqrt(size / WIDTHS) || 0.1,
    }, group));
    heads[head] = { group, paths };
  }
  names.forEach((_, head) => { heads[head].number = badge(place, head); });

  return (head, query, weights, on) => {
    const { group, paths, number } = heads[head];
    const y = query + 0.5 + (rows - queries.length) / 2;
    const parts = paths.map(() => '');
    weights.forEach((weight, j) => {
      const end = to(j, head).toFixed(3);
      if (weight >= VISIBLE) parts[Math.round(weight * WIDTHS)] += `M0,${y}C50,${y} 50,${end} 100,${end}`;
    });
    set(group, { display: on ? 'inline' : 'none' });
    paths.forEach((path, size) => set(path, { d: parts[size] }));
    if (!number) return;
    const key = strongest(weights);
    const [x, at] = onCurve(0.35 + (0.45 * (head + 0.5)) / names.length, y, to(key, head));
    number.hidden = !on || weights[key] < 0.2;
    Object.assign(number.style, { left: `${x}%`, top: `${(100 * at) / rows}%` });
  };
}

/** A point of a line from height `a` to height `b`, for t from 0 to 1: [percent of the width, height]. */
export function onCurve(t, a, b) {
  const [near, far] = [(1 - t) ** 3 + 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t ** 2 + t ** 3];
  return [150 * (1 - t) * t + 100 * t ** 3, near * a + far * b];
}

function drawTable(parent, { names, keys, matrices, masked }, rows, words, titles) {
  const scroll = html('div', { class: 'attn-heads-scroll', role: 'region', tabindex: 0, 'aria-label': words.table }, parent);
  scroll.style.setProperty('--attn-shift', (rows - keys.length) / 2);
  const table = html('table', { class: 'attn-table attn-heads-table' }, scroll);
  const top = html('tr', {}, html('thead', {}, table));
  html('th', { scope: 'col', class: 'attn-heads-key' }, top, words.key);
  matrices.forEach((_, head) => {
    const cell = html('th', { scope: 'col', class: colorOf(head, names.length), title: titles[head] }, top);
    if (head === names.length) cell.append(words.mean);
    else badge(cell, head);
  });
  const body = html('tbody', {}, table);
  const cells = matrices.map(() => []);
  for (const token of keys) {
    const row = html('tr', {}, body);
    html('th', { scope: 'row', class: 'attn-heads-key', title: token }, row, token);
    matrices.forEach((_, head) => {
      const cell = html('td', { class: colorOf(head, names.length) }, row);
      const text = document.createTextNode('');
      cell.append(text);
      cells[head].push({ cell, text });
    });
  }
  const bars = rows <= 24; // in lower rows they would strike the numbers through

  return (head, query, weights, on) => cells[head].forEach(({ cell, text }, j) => {
    const hatched = masked(query, j);
    const number = hatched ? '×' : on ? fixed(weights[j]) : '–';
    if (text.data !== number) text.data = number;
    cell.classList.toggle('attn-heads-masked', hatched);
    cell.classList.toggle('attn-heads-small', !on || weights[j] < SMALL);
    if (hatched) set(cell, { 'aria-label': words.masked });
    else cell.removeAttribute('aria-label');
    if (bars) cell.style.setProperty('--attn-weight', on ? weights[j].toFixed(3) : 0);
  });
}

export default liveFigure({
  structure: ['weights', 'head_names', 'query_tokens', 'key_tokens', 'mask', 'start', 'words'],
  live: ['query', 'shown'],
  read,
  draw,
});
