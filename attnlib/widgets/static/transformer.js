// The forward pass of a Transformer in plain JavaScript: what attnlib.TransformerBlock computes, number by number.
//
// A matrix is a list of rows, each a Float32Array or Float64Array. `tensors` maps the names of a torch state dict to
// matrices and vectors (weights.js unpacks them); `name` says where in it a part begins: "attention" has
// "attention.in_proj.weight". Nothing here knows the page: figures import it, and node tests it against torch.

import { erf } from './erf.js';

const EPS = 1e-5; // of a layer norm, as in torch

// --- what works on each position alone ------------------------------------------------------------

/** Rows of a table, one for each id. */
export const embed = (ids, table) => ids.map((id) => Float64Array.from(table[id]));

export const addRows = (x, y) => x.map((row, i) => row.map((value, c) => value + y[i][c]));

/** x Wᵀ + b, as nn.Linear has it; of W the rows from `first` to before `last`. */
export function linear(x, weight, bias = null, first = 0, last = weight.length) {
  return x.map((row) => {
    const out = new Float64Array(last - first);
    for (let o = first; o < last; o += 1) {
      const column = weight[o];
      let sum = bias ? bias[o] : 0;
      for (let c = 0; c < row.length; c += 1) sum += row[c] * column[c];
      out[o - first] = sum;
    }
    return out;
  });
}

/** Each row to mean 0 and (biased) variance 1 over its features, then times weight plus bias. */
export function layerNorm(x, weight, bias) {
  return x.map((row) => {
    const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
    const scale = 1 / Math.sqrt(variance + EPS);
    return row.map((value, c) => (value - mean) * scale * weight[c] + bias[c]);
  });
}

export const ACTIVATIONS = {
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  relu: (x) => Math.max(x, 0),
};

/** attnlib.FeedForward: one hidden layer, at each position alone. */
export function feedForward(tensors, name, x, activation = 'gelu') {
  const act = ACTIVATIONS[activation];
  const hidden = linear(x, tensors[`${name}.linear1.weight`], tensors[`${name}.linear1.bias`]);
  return linear(hidden.map((row) => row.map(act)), tensors[`${name}.linear2.weight`], tensors[`${name}.linear2.bias`]);
}

// --- positions ------------------------------------------------------------------------------------

/** attnlib.sinusoidal_encoding: sines and cosines in turn, slower from pair to pair. */
export const sinusoids = (length, width, base = 10000, offset = 0) =>
  Array.from({ length }, (_, i) => Float64Array.from({ length: width }, (__, c) => {
    const angle = (offset + i) / base ** ((c - (c % 2)) / width);
    return c % 2 ? Math.cos(angle) : Math.sin(angle);
  }));

/** attnlib.RotaryPositionalEncoding: within each head, neighbouring columns are an arrow, turned by its position. */
export function rotate(x, headDim, base = 10000, offset = 0) {
  return x.map((row, i) => {
    const turned = new Float64Array(row.length);
    for (let c = 0; c < row.length; c += 2) {
      const angle = (offset + i) / base ** ((c % headDim) / headDim);
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      turned[c] = row[c] * cos - row[c + 1] * sin;
      turned[c + 1] = row[c] * sin + row[c + 1] * cos;
    }
    return turned;
  });
}

// --- what looks around ------------------------------------------------------------------------------

/** Query i sees the keys up to its own position; both end at one position, as in attnlib.causal_mask. */
export const causal = (queries, keys) => (i, j) => j <= i + keys - queries;

/** Weights of one query in one head; all zero where there is nothing to attend to. */
function weigh(query, keys, from, keyFrom, headDim, may) {
  const weights = new Float64Array(keys.length);
  let largest = -Infinity;
  keys.forEach((key, j) => {
    if (!may(j)) return;
    let score = 0;
    for (let c = 0; c < headDim; c += 1) score += query[from + c] * key[keyFrom + c];
    weights[j] = score / Math.sqrt(headDim);
    largest = Math.max(largest, weights[j]);
  });
  let total = 0;
  keys.forEach((_, j) => {
    weights[j] = may(j) ? Math.exp(weights[j] - largest) : 0;
    total += weights[j];
  });
  return total ? weights.map((weight) => weight / total) : weights;
}

/** attnlib.KeyValueCache: rows of keys and values of the tokens so far, of one layer. */
export class KeyValueCache {
  keys = [];

  values = [];

  get length() {
    return this.keys.length;
  }

  /** Keep these, too; return all keys and all values. */
  append(keys, values) {
    this.keys.push(...keys);
    this.values.push(...values);
    return [this.keys, this.values];
  }
}

/**
 * attnlib.MultiHeadAttention.
 *
 * @param {object} options
 * @param {number} options.heads
 * @param {number} [options.keyHeads] heads of keys and values, each shared by as many heads of queries
 * @param {Array} [options.memory] rows of keys and values; x itself if left out
 * @param {(query, key, head) => boolean} [options.may] the mask: who may attend to whom
 * @param {number} [options.base] of the rotary encoding; none if left out
 * @param {boolean[]} [options.on] a head that is off adds nothing to the output; its weights are told all the same
 * @param {KeyValueCache} [options.cache] of self-attention: x goes on where it ends, and the keys are all that it holds
 * @returns {{output: Float64Array[], weights: Float64Array[][]}} `weights[head][query][key]`
 */
export function multiHead(tensors, name, x, { heads, keyHeads = heads, memory = x, may = () => true, base = null, on = null, cache = null }) {
  const [weight, bias] = [tensors[`${name}.in_proj.weight`], tensors[`${name}.in_proj.bias`]];
  const width = x.length ? x[0].length : 0;
  const headDim = width / heads;
  const values = width + keyHeads * headDim; // where in in_proj the rows of the values begin
  let [query, key] = [linear(x, weight, bias, 0, width), linear(memory, weight, bias, width, values)];
  let value = linear(memory, weight, bias, values);
  const past = cache ? cache.length : 0;
  if (base) [query, key] = [rotate(query, headDim, base, past + memory.length - x.length), rotate(key, headDim, base, past)];
  if (cache) [key, value] = cache.append(key, value);
  const merged = x.map(() => new Float64Array(width));
  const weights = Array.from({ length: heads }, (_, head) => {
    const [from, keyFrom] = [head * headDim, Math.floor((head * keyHeads) / heads) * headDim];
    return query.map((row, i) => {
      const found = weigh(row, key, from, keyFrom, headDim, (j) => may(i, j, head));
      if (!on || on[head]) {
        found.forEach((share, j) => {
          for (let c = 0; c < headDim; c += 1) merged[i][from + c] += share * value[j][keyFrom + c];
        });
      }
      return found;
    });
  });
  return { output: linear(merged, tensors[`${name}.out_proj.weight`], tensors[`${name}.out_proj.bias`]), weights };
}

/** The layer norm of this name. */
export const norm = (tensors, name, x) => layerNorm(x, tensors[`${name}.weight`], tensors[`${name}.bias`]);

/**
 * attnlib.TransformerBlock: with `memory` that of a decoder, whose second attention asks and memory answers.
 *
 * @param {object} options those of `multiHead` but for `memory`, which act on self-attention, and
 * @param {boolean} [options.normFirst] whether each part reads a normalised stream, or the sum is normalised
 * @param {Array} [options.memory] rows that cross-attention reads
 * @param {(query, key, head) => boolean} [options.mayCross] the mask of cross-attention
 * @param {boolean[]} [options.crossOn] heads of cross-attention that are on
 * @returns {{x, selfWeights, crossWeights}} the stream, and the weights of both attentions (the second null without memory)
 */
export function block(tensors, name, x, { normFirst = true, memory = null, mayCross, crossOn, ...options }) {
  const add = (part, stream, act) => {
    const place = `${name}.${part}_norm`;
    const { output, weights } = act(`${name}.${part}`, normFirst ? norm(tensors, place, stream) : stream);
    const sum = addRows(stream, output);
    return [normFirst ? sum : norm(tensors, place, sum), weights];
  };
  const { heads, keyHeads } = options;
  const cross = { heads, keyHeads, memory, may: mayCross, on: crossOn };
  let [stream, selfWeights, crossWeights] = [x, null, null];
  [stream, selfWeights] = add('self_attention', stream, (part, read) => multiHead(tensors, part, read, options));
  if (memory) [stream, crossWeights] = add('cross_attention', stream, (part, read) => multiHead(tensors, part, read, cross));
  [stream] = add('feed_forward', stream, (part, read) => ({ output: feedForward(tensors, part, read) }));
  return { x: stream, selfWeights, crossWeights };
}
