import assert from 'node:assert/strict';
import { test } from 'node:test';

import { erf } from '../../../attnlib/widgets/static/erf.js';
import figure, {
  decades, fate, formula, powerOfTen, sizeText,
} from '../../../attnlib/widgets/static/signal_through_depth.js';
import {
  attention, drawn, feedForward, layerNorm, measure, randomNumbers, times, timesBack,
} from '../../../attnlib/widgets/static/stack.js';

const near = (actual, expected, tolerance = 1e-12) =>
  assert.ok(Math.abs(actual - expected) < tolerance, `${actual} is not ${expected}`);

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

test('random numbers follow from their place, have mean 0 and variance 1', () => {
  const values = drawn(0, 20_000);
  near(dot(values, values) / values.length, 1, 0.02);
  near(values.reduce((sum, value) => sum + value) / values.length, 0, 0.02);
  assert.deepEqual(drawn(50, 7), values.slice(50, 57));
  assert.deepEqual(drawn(50, 7, 2), values.slice(50, 57).map((value) => 2 * value));
  assert.ok(values.every((value) => Math.abs(value) < Math.sqrt(3)));
});

test('a product, and its way back', () => {
  // x = [1 2 3], w = [[1 0 1] [0 2 0]]
  const [x, w] = [[1, 2, 3], [1, 0, 1, 0, 2, 0]];
  assert.deepEqual([...times(x, w, 3, 2, 1)], [4, 4]);
  assert.deepEqual([...times([...x, 0, 1, 0], w, 3, 2, 10)], [40, 40, 0, 20]);
  assert.deepEqual([...timesBack([1, 10], w, 3, 2, 1)], [1, 20, 1]);
  assert.deepEqual([...timesBack([1, 10], w, 3, 2, 0.5)], [0.5, 10, 0.5]);
});

test('the error function, to the last digits', () => {
  assert.equal(erf(0), 0);
  for (const [z, value] of [[0.1, 0.1124629160182849], [1, 0.8427007929497149], [3, 0.9999779095030014]]) {
    near(erf(z), value, 1e-15);
    assert.equal(erf(-z), -erf(z));
  }
  near(erf(5.9), 1, 1e-15);
  assert.equal(erf(-1e26), -1);
});

test('a normed row has mean 0 and variance 1, and a row of nothing stays nothing', () => {
  const { y } = layerNorm(Float64Array.of(1, 2, 3, 6, 5, 5, 5, 5), 4);
  near(dot(y.slice(0, 4), [1, 1, 1, 1]), 0);
  near(dot(y.slice(0, 4), y.slice(0, 4)) / 4, 3.5 / (3.5 + 1e-5));
  assert.deepEqual([...y.slice(4)], [0, 0, 0, 0]);
});

test('attention, by hand: where all scores are equal, each token gets the mean of the values', () => {
  const zeros = [0, 0, 0, 0];
  const inward = [...zeros, ...zeros, 1, 0, 0, 1]; // queries, keys: nothing; values: x
  const { y } = attention(Float64Array.of(1, 2, 5, 6), inward, [1, 0, 0, 1], 1, 2, 1);
  assert.deepEqual([...y], [3, 4, 3, 4]);
});

// Each way back is that of finite differences.
const [WIDTH, HEADS, HIDDEN] = [4, 2, 5];
const PARTS = {
  layerNorm: (x) => layerNorm(x, WIDTH),
  attention: (x) => attention(x, drawn(100, 3 * WIDTH ** 2), drawn(200, WIDTH ** 2), 0.7, WIDTH, HEADS),
  feedForward: (x) => feedForward(x, drawn(300, WIDTH * HIDDEN), drawn(400, WIDTH * HIDDEN), 0.7, WIDTH, HIDDEN),
};

for (const [name, part] of Object.entries(PARTS)) {
  test(`the way back through ${name} is that of finite differences`, () => {
    const x = drawn(0, 3 * WIDTH);
    const direction = drawn(1000, 3 * WIDTH);
    const gradient = part(x).back(direction);
    const step = 1e-6;
    x.forEach((_, i) => {
      const [up, down] = [step, -step].map((move) =>
        dot(part(x.map((value, j) => value + (i === j ? move : 0))).y, direction));
      near(gradient[i], (up - down) / (2 * step), 1e-7);
    });
  });
}

const LIMITS = { depth: 3, length: 2, width: 4, heads: 2, hidden: 5 };
const STATE = { depth: 3, residual: true, norm: 'pre', finalNorm: true, scale: 1 };

test('each block and each seed has numbers of its own', () => {
  const [one, two] = [1, 2].map((seed) => randomNumbers(seed, LIMITS));
  const all = [one, two].flatMap(({ blocks, x, direction }) => [...blocks.flat(), x, direction].map((part) => part[0]));
  assert.equal(new Set(all).size, all.length);
  assert.deepEqual(one.blocks[0].map((part) => part.length), [48, 16, 20, 20]);
});

test('measure has a size before the first block and after each', () => {
  const { stream, gradient, output } = measure(randomNumbers(1, LIMITS), STATE, LIMITS);
  assert.deepEqual([stream.length, gradient.length], [4, 4]);
  near(output, 0, 1e-3);
});

test('blocks that find nothing: with a residual all stays as it is, without one nothing is left', () => {
  const numbers = randomNumbers(1, LIMITS);
  const state = { ...STATE, norm: 'none', finalNorm: false, scale: 0 };
  const { stream, gradient } = measure(numbers, state, LIMITS);
  assert.equal(new Set(stream).size, 1);
  assert.equal(new Set(gradient).size, 1);
  const without = measure(numbers, { ...state, residual: false }, LIMITS);
  assert.deepEqual(without.stream.slice(1), [-Infinity, -Infinity, -Infinity]);
});

test('sizes are written in digits where they are few', () => {
  assert.deepEqual([-9.4, -3, 0, 1, 2, 13].map((each) => sizeText(each)), ['10⁻⁹', '10⁻³', '1.0', '10', '100', '10¹³']);
  assert.deepEqual([Math.log10(0.183), Math.log10(5.25), Math.log10(1234)].map(sizeText), ['0.18', '5.3', '1234']);
  assert.deepEqual([-12, 0, 1, 2].map(powerOfTen), ['10⁻¹²', '1', '10', '10²']);
});

test('what became of a size', () => {
  assert.deepEqual([-8, -0.5, -0.1, 0, 0.1, 0.5, 8].map(fate), ['dies', 'shrinks', 'stays', 'stays', 'stays', 'grows', 'explodes']);
});

test('the formula says which switches are on', () => {
  const say = (residual, norm, finalNorm) => formula({ depth: 2, residual, norm, finalNorm });
  assert.equal(say(false, 'none', false), '2 × [x ← f(x)], y = x');
  assert.equal(say(true, 'none', false), '2 × [x ← x + f(x)], y = x');
  assert.equal(say(true, 'pre', true), '2 × [x ← x + f(LN(x))], y = LN(x)');
  assert.equal(say(true, 'post', false), '2 × [x ← LN(x + f(x))], y = x');
  assert.equal(say(false, 'post', false), '2 × [x ← LN(f(x))], y = x');
});

test('a chart shows two decades to either side of 1, and all that is beyond', () => {
  const [low, high] = decades([0, 0.7, -0.5]);
  assert.ok(low < -2 && low > -3 && high > 2 && high < 3);
  const [below, above] = decades([-8.5, 3.2]);
  assert.ok(below < -9 && above > 4);
});

test('the module offers what anywidget asks for', () => {
  assert.equal(typeof figure.render, 'function');
});
