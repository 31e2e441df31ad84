// MultiHeadView: the weights of several heads as heat maps, lines and numbers; see multi_head.py.

import { fixed, html, liveFigure, readTokens, readWhole, Refused } from './common.js';
import { drawQuery } from './head_lines.js';
import { drawMaps } from './head_maps.js';
import { MOST_LABELS, rowOf, strongest } from './heads.js';

// --- what is shown -----------------------------------------------------------------------------

/** `count` float32 numbers (little endian) from their base64 text. */
export function decode(text, count) {
  let bytes;
  try {
    if (typeof text === 'string') bytes = atob(text);
  } catch { /* no base64: said below */ }
  if (bytes === undefined) throw new Refused('not_base64', { count, got: String(text).slice(0, 20) });
  if (bytes.length !== 4 * count) throw new Refused('not_base64', { count, got: bytes.length / 4 });
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

/** The weights of each head, then their mean. */
function readWeights(model, heads, rows, columns) {
  const weights = decode(model.get('weights'), heads * rows * columns);
  const wrong = weights.findIndex((weight) => !(weight >= 0 && weight <= 1.001));
  if (wrong >= 0) {
    const [head, query, key] = [Math.floor(wrong / rows / columns), Math.floor(wrong / columns) % rows, wrong % columns];
    throw new Refused('no_weight', { got: weights[wrong], head, query, key });
  }
  const size = rows * columns;
  const matrices = Array.from({ length: heads }, (_, head) => weights.subarray(head * size, (head + 1) * size));
  return [...matrices, meanOfHeads(weights, heads)];
}

function readStructure(model, limits) {
  const names = readTokens(model, 'head_names', limits.heads);
  const [queries, keys] = ['query_tokens', 'key_tokens'].map((name) => readTokens(model, name, limits.tokens));
  const matrices = readWeights(model, names.length, queries.length, keys.length);
  const mask = model.get('mask');
  const row = new RegExp(`^[01]{${keys.length}}$`);
  if (!Array.isArray(mask) || (mask.length && (mask.length !== queries.length || !mask.every((text) => row.test(text))))) {
    throw new Refused('mask', { queries: queries.length, keys: keys.length });
  }
  return { names, queries, keys, matrices, masked: (i, j) => mask[i]?.[j] === '0' };
}

function readLive(model, { queries, matrices }) {
  const query = readWhole(model, 'query', 0, queries.length - 1);
  const shown = model.get('shown');
  if (!Array.isArray(shown) || shown.length !== matrices.length || !shown.every((on) => typeof on === 'boolean')) {
    throw new Refused('shown', { count: matrices.length });
  }
  return { query, shown };
}

// --- how it is shown -----------------------------------------------------------------------------

function draw(root, structure, { words, model, put }) {
  const { names, queries, keys, matrices } = structure;
  const choose = (query) => put({ query: Math.min(Math.max(query, 0), queries.length - 1) });
  const toggle = (head) => put({ shown: model.get('shown').map((on, i) => (i === head ? !on : on)) });
  const titles = [...names.map((name, head) => `${words.head} ${head} ${name}`.trim()), words.mean];
  const longest = Math.max(queries.length, keys.length);
  const density = longest <= MOST_LABELS ? 'roomy' : longest <= 24 ? 'middle' : 'dense';
  const place = html('div', { class: `attn-heads attn-heads-${density}` }, root);
  const updates = [
    drawMaps(place, structure, words, titles, choose, toggle),
    drawQuery(place, structure, words, titles, choose, () => model.get('query')),
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
  readStructure,
  readLive,
  draw,
});
