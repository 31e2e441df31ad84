// The softmax of a row of scores that is read tile by tile; what Tiles computes, see tiles.py.

import { softmax, weightedSum } from './common.js';

export const [RIGHT, NONE, FLIPPED] = [0, 1, 2]; // ways to rescale

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
