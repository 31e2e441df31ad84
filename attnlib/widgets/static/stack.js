// A stack of Transformer blocks in plain numbers, forwards and backwards: the maths of SignalThroughDepth.
//
// Rows lie one after another in a Float64Array. No weight learns anything here, so the way back
// goes to the stream alone.

import { erf } from './erf.js';

/**
 * `count` random numbers of mean 0 and deviation `factor`, each of which follows from its place.
 *
 * They are uniform: an integer is scrambled, by the last steps of MurmurHash3, so that other languages draw the
 * very same, and nobody has to send 200 000 weights.
 */
export function drawn(first, count, factor = 1) {
  const reach = factor * Math.sqrt(3);
  const values = new Float64Array(count);
  for (let i = 0; i < count; i += 1) {
    let h = Math.imul(first + i + 1, 0x9e3779b9);
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h = (h ^ (h >>> 16)) >>> 0;
    values[i] = ((h + 0.5) / 2 ** 31 - 1) * reach;
  }
  return values;
}

/** x @ wᵀ · scale, for x of rows of `inner` entries and w of shape (outer, inner), as a Linear holds it. */
export function times(x, w, inner, outer, scale) {
  const rows = x.length / inner;
  const y = new Float64Array(rows * outer);
  for (let r = 0; r < rows; r += 1) {
    for (let o = 0; o < outer; o += 1) {
      let sum = 0;
      for (let i = 0, a = r * inner, b = o * inner; i < inner; i += 1) sum += x[a + i] * w[b + i];
      y[r * outer + o] = sum * scale;
    }
  }
  return y;
}

/** g @ w · scale: the way back through `times`. */
export function timesBack(g, w, inner, outer, scale) {
  const rows = g.length / outer;
  const x = new Float64Array(rows * inner);
  for (let r = 0; r < rows; r += 1) {
    for (let o = 0; o < outer; o += 1) {
      const factor = g[r * outer + o] * scale;
      for (let i = 0, a = r * inner, b = o * inner; i < inner; i += 1) x[a + i] += factor * w[b + i];
    }
  }
  return x;
}

/** Rows of mean 0 and variance 1; `back` turns a gradient of them into one of what came in. */
export function layerNorm(x, width) {
  const y = new Float64Array(x.length);
  const roots = [];
  for (let a = 0; a < x.length; a += width) {
    let [mean, variance] = [0, 0];
    for (let i = a; i < a + width; i += 1) mean += x[i] / width;
    for (let i = a; i < a + width; i += 1) variance += (x[i] - mean) ** 2 / width;
    const root = Math.sqrt(variance + 1e-5);
    for (let i = a; i < a + width; i += 1) y[i] = (x[i] - mean) / root;
    roots.push(root);
  }
  const back = (g) => {
    const came = new Float64Array(x.length);
    roots.forEach((root, row) => {
      const a = row * width;
      let [mean, along] = [0, 0];
      for (let i = a; i < a + width; i += 1) {
        mean += g[i] / width;
        along += (g[i] * y[i]) / width;
      }
      for (let i = a; i < a + width; i += 1) came[i] = (g[i] - mean - y[i] * along) / root;
    });
    return came;
  };
  return { y, back };
}

/** Attention with several heads; `inward` holds the weights of queries, keys and values, in this order. */
export function attention(x, inward, outward, scale, width, heads) {
  const length = x.length / width;
  const size = width / heads;
  const all = 3 * width;
  const qkv = times(x, inward, width, all, scale);
  const weights = new Float64Array(heads * length * length);
  const mixed = new Float64Array(x.length);
  // Where a head's vector of a token begins: part 0 is the query, 1 the key, 2 the value.
  const place = (token, part, head) => token * all + part * width + head * size;
  const dots = (a, first, b, second) => {
    let sum = 0;
    for (let c = 0; c < size; c += 1) sum += a[first + c] * b[second + c];
    return sum;
  };
  for (let head = 0; head < heads; head += 1) {
    for (let i = 0; i < length; i += 1) {
      const row = weights.subarray((head * length + i) * length, (head * length + i + 1) * length);
      let [largest, total] = [-Infinity, 0];
      for (let j = 0; j < length; j += 1) {
        row[j] = dots(qkv, place(i, 0, head), qkv, place(j, 1, head)) / Math.sqrt(size);
        largest = Math.max(largest, row[j]);
      }
      for (let j = 0; j < length; j += 1) total += row[j] = Math.exp(row[j] - largest);
      for (let j = 0; j < length; j += 1) {
        row[j] /= total;
        for (let c = 0; c < size; c += 1) {
          mixed[i * width + head * size + c] += row[j] * qkv[place(j, 2, head) + c];
        }
      }
    }
  }
  const back = (g) => {
    const gMixed = timesBack(g, outward, width, width, scale);
    const gQkv = new Float64Array(qkv.length);
    const slopes = new Float64Array(length);
    for (let head = 0; head < heads; head += 1) {
      for (let i = 0; i < length; i += 1) {
        const row = (head * length + i) * length;
        const here = i * width + head * size;
        for (let j = 0; j < length; j += 1) slopes[j] = dots(gMixed, here, qkv, place(j, 2, head));
        for (let j = 0; j < length; j += 1) {
          const weight = weights[row + j];
          // Less the mean slope, but difference by difference: where one weight is nearly 1, the mean
          // equals its slope but for rounding, which enormous keys would make larger than all else.
          let score = 0;
          for (let k = 0; k < length; k += 1) score += weights[row + k] * (slopes[j] - slopes[k]);
          score *= weight / Math.sqrt(size);
          const [q, k, v] = [place(i, 0, head), place(j, 1, head), place(j, 2, head)];
          for (let c = 0; c < size; c += 1) {
            gQkv[q + c] += score * qkv[k + c];
            gQkv[k + c] += score * qkv[q + c];
            gQkv[v + c] += weight * gMixed[here + c];
          }
        }
      }
    }
    return timesBack(gQkv, inward, width, all, scale);
  };
  return { y: times(mixed, outward, width, width, scale), back };
}

/** The network at each position, with GELU: x · Φ(x), where Φ is the normal distribution's share below x. */
export function feedForward(input, inward, outward, scale, width, hidden) {
  const before = times(input, inward, width, hidden, scale);
  const below = before.map((x) => (1 + erf(x / Math.SQRT2)) / 2);
  const back = (g) => {
    const came = timesBack(g, outward, hidden, width, scale);
    const slope = (x, i) => below[i] + (x * Math.exp(-x * x / 2)) / Math.sqrt(2 * Math.PI);
    return timesBack(before.map((x, i) => came[i] * slope(x, i)), inward, width, hidden, scale);
  };
  return { y: times(before.map((x, i) => x * below[i]), outward, hidden, width, scale), back };
}

/** All that is random: the weights of each block, the input, and the loss's direction. */
export function randomNumbers(seed, { depth, length, width, hidden }) {
  const sizes = [3 * width ** 2, width ** 2, width * hidden, width * hidden];
  const block = sizes.reduce((sum, size) => sum + size);
  const input = length * width;
  let place = (seed - 1) * (depth * block + 2 * input);
  const next = (count, factor = 1) => {
    place += count;
    return drawn(place - count, count, factor);
  };
  const blocks = Array.from({ length: depth }, () => sizes.map((size, part) =>
    next(size, 1 / Math.sqrt(part === 3 ? hidden : width))));
  return { blocks, x: next(input), direction: next(input) };
}

/** Common logarithm of the root of the mean square. */
const sizeOf = (x) => Math.log10(Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length));

/**
 * Pass the input through `depth` blocks, and the gradient back.
 *
 * @returns {{stream: number[], output: number, gradient: number[]}} sizes as powers of ten: of the stream before
 *   the first block and after each, of the output, and of the loss's gradient by the stream at the same places
 */
export function measure({ blocks, x, direction }, { depth, residual, norm, finalNorm, scale }, { width, heads, hidden }) {
  const normed = (on, value) => (on ? layerNorm(value, width) : { y: value, back: (g) => g });
  const add = (a, b) => a.map((value, i) => value + b[i]);
  const stream = [sizeOf(x)];
  const ways = []; // back, the last first
  let now = x;
  for (const [qkv, out, up, down] of blocks.slice(0, depth)) {
    const parts = [
      (read) => attention(read, qkv, out, scale, width, heads),
      (read) => feedForward(read, up, down, scale, width, hidden),
    ];
    const through = parts.map((part) => {
      const before = normed(norm === 'pre', now);
      const found = part(before.y);
      const after = normed(norm === 'post', residual ? add(now, found.y) : found.y);
      now = after.y;
      return (g) => {
        const inside = after.back(g);
        const came = before.back(found.back(inside));
        return residual ? add(came, inside) : came;
      };
    });
    ways.unshift((g) => through[0](through[1](g)));
    stream.push(sizeOf(now));
  }
  const last = normed(finalNorm, now);
  let g = last.back(direction);
  const gradient = [sizeOf(g), ...ways.map((way) => sizeOf(g = way(g)))].reverse();
  return { stream, output: sizeOf(last.y), gradient };
}
