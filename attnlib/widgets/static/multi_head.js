// MultiHeadView: the weights of several heads as heat maps, lines and numbers; see multi_head.py.

import { fixed, html, liveFigure, readTokens, readWhole } from './common.js';
import { drawQuery } from './head_lines.js';
import { drawMaps } from './head_maps.js';
import { MOST_LABELS, rowOf, strongest } from './heads.js';

const MOST_HEADS = 12; // the same numbers as in multi_head.py
const MOST_TOKENS = 64;

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
  const query = readWhole(model, 'query', 0, queries.length - 1);
  const shown = model.get('shown');
  if (!Array.isArray(shown) || shown.length !== matrices.length || !shown.every((on) => typeof on === 'boolean')) {
    throw new Error(`shown must be ${matrices.length} booleans: one for each head and one for the mean`);
  }
  return { names, queries, keys, matrices, query, shown, masked: (i, j) => mask[i]?.[j] === '0' };
}

// --- how it is shown -----------------------------------------------------------------------------

function draw(root, state, { words, model, put }) {
  const { names, queries, keys, matrices } = state;
  const choose = (query) => put({ query: Math.min(Math.max(query, 0), queries.length - 1) });
  const toggle = (head) => put({ shown: model.get('shown').map((on, i) => (i === head ? !on : on)) });
  const titles = [...names.map((name, head) => `${words.head} ${head} ${name}`.trim()), words.mean];
  const longest = Math.max(queries.length, keys.length);
  const density = longest <= MOST_LABELS ? 'roomy' : longest <= 24 ? 'middle' : 'dense';
  const place = html('div', { class: `attn-heads attn-heads-${density}` }, root);
  const updates = [
    drawMaps(place, state, words, titles, choose, toggle),
    drawQuery(place, state, words, titles, choose, () => model.get('query')),
  ];
  return (now) => {
    for (const update of updates) update(now);
    const rows = matrices.map((matrix) => Array.from(rowOf(matrix, now.query, keys.length)));
    const looks = titles.map((title, head) => {
      if (!now.shown[head]) return `${title}: ${words.off}`;
      const key = strongest(rows[head]);
      return `${title}: ${keys[key]} ${fixed(rows[head][key])}`;
    });
    return {
      numbers: { query: now.query, weights: rows.slice(0, -1), mean: rows.at(-1), shown: now.shown },
      told: `${words.query} ${now.query}, ${queries[now.query]}. ${looks.join('; ')}.`,
    };
  };
}

export default liveFigure({
  structure: ['weights', 'head_names', 'query_tokens', 'key_tokens', 'mask'],
  live: ['query', 'shown'],
  read,
  draw,
});
