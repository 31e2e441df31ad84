// What InductionLab computes: attention alone, in layers, on a text of signs. In Python: induction_model.py.

import { Refused, shown, softmax } from './common.js';
import { addRows, causal, embed, linear, multiHead } from './transformer.js';
import { unpack } from './weights.js';

/** Names and shapes of the weights. */
export const shapes = (signs, width, layers) => Object.assign({
  'tokens.weight': [signs, width],
  'answer.weight': [signs, width],
}, ...Array.from({ length: layers }, (_, l) => ({
  [`layers.${l}.in_proj.weight`]: [3 * width, width],
  [`layers.${l}.out_proj.weight`]: [width, width],
})));

/** The model, checked, out of the traits. */
export function readInduction(get, limits) {
  const signs = get('signs');
  if (typeof signs !== 'string' || !signs) throw new Refused('signs', { got: shown(signs) });
  const width = get('weights')?.['tokens.weight']?.shape?.[1];
  if (!Number.isInteger(width) || width % (2 * limits.heads)) throw new Refused('width', { heads: limits.heads, got: shown(width) });
  const all = [...signs];
  const tensors = unpack(get('weights'), shapes(all.length, width, limits.layers));
  return { ...limits, signs: all, ids: new Map(all.map((sign, i) => [sign, i])), tensors };
}

/**
 * Go on from each sign of a text.
 *
 * @param {string[]} text signs that the model knows
 * @param {boolean[]} on each head, layer by layer: one that is off adds nothing
 * @returns {{scores, odds, weights}} for each place the scores and probabilities of what follows; `weights[layer][head][query][key]`
 */
export function goOn({ tensors, ids, layers, heads, base }, text, on) {
  let x = embed(text.map((sign) => ids.get(sign)), tensors['tokens.weight']);
  const weights = [];
  for (let l = 0; l < layers; l += 1) {
    const found = multiHead(tensors, `layers.${l}`, x, {
      heads, base, may: causal(text.length, text.length), on: on.slice(l * heads, (l + 1) * heads),
    });
    x = addRows(x, found.output);
    weights.push(found.weights);
  }
  const scores = linear(x, tensors['answer.weight']);
  return { scores, odds: scores.map((row) => softmax([...row])), weights };
}

// --- copies --------------------------------------------------------------------------------------

/** How long the block is that a text repeats: the smallest period; the whole text where nothing is repeated. */
export function periodOf(text) {
  const repeats = (period) => text.every((sign, i) => i < period || sign === text[i - period]);
  const found = text.findIndex((_, period) => period > 0 && repeats(period));
  return found < 0 ? text.length : found;
}

/** Numbers from 0 to 1 that look random, the same for the same seed (mulberry32). */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffled(list, next) {
  const out = [...list];
  for (let i = out.length - 1; i > 0; i -= 1) {
    const j = Math.floor(next() * (i + 1));
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}

/** The text with another order in each copy of its block, which stays; order 0: as it is. What is cut off stays cut off. */
export function reorder(text, order) {
  const period = periodOf(text);
  if (!order || period === 1 || period === text.length) return text;
  const block = text.slice(0, period);
  const next = random(order);
  const out = [...block];
  while (out.length < text.length) {
    let copy;
    do copy = shuffled(block, next); while (copy.every((sign, i) => sign === block[i]));
    out.push(...copy);
  }
  return out.slice(0, text.length);
}
