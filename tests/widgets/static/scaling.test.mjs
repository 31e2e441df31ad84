import assert from 'node:assert/strict';
import { test } from 'node:test';

import { softmax } from '../../../attnlib/widgets/static/common.js';
import figure, {
  deviation, entropy, histogram, jacobianNorm, measure, parse, quantile,
} from '../../../attnlib/widgets/static/scaling.js';

const near = (actual, expected, tolerance = 1e-12) =>
  assert.ok(Math.abs(actual - expected) < tolerance, `${actual} is not ${expected}`);

test('deviation divides by one less than the number of values', () => {
  near(deviation([1, 2, 3, 4]), Math.sqrt(5 / 3));
  near(deviation([7, 7, 7]), 0);
});

test('quantile: the ends, a value in the list, and between two', () => {
  const values = [30, 10, 20, 40];
  assert.deepEqual([0, 1 / 3, 1].map((part) => quantile(values, part)), [10, 20, 40]);
  near(quantile(values, 0.5), 25);
  near(quantile(values, 0.1), 13);
  assert.deepEqual(values, [30, 10, 20, 40], 'the input keeps its order');
});

test('entropy runs from 0 to the logarithm of the number of weights', () => {
  assert.equal(entropy([0, 1, 0]), 0);
  near(entropy(Array(10).fill(0.1)), Math.log(10));
  near(entropy([0.5, 0.25, 0.25]), 1.5 * Math.log(2));
});

test('the Jacobian of two equal weights is ±1/4, of a saturated row nothing', () => {
  near(jacobianNorm([0.5, 0.5]), 0.5);
  assert.equal(jacobianNorm([0, 1, 0]), 0);
});

test('the Jacobian’s norm is that of finite differences', () => {
  const scores = [2, 1, 0, -0.5];
  const step = 1e-6;
  const column = (i) => {
    const [up, down] = [step, -step].map((move) => softmax(scores.map((score, j) => score + (i === j ? move : 0))));
    return up.map((weight, j) => (weight - down[j]) / (2 * step));
  };
  near(jacobianNorm(softmax(scores)), Math.hypot(...scores.flatMap((_, i) => column(i))), 1e-8);
});

test('measure, by hand: two queries with two keys', () => {
  const now = measure([[0, Math.log(9)], [Math.log(81), 0]], 4, 2);
  near(now.weights[0][1], 0.75);
  near(now.weights[1][0], 0.9);
  assert.equal(now.scores.length, 4);
  near(now.mean[0], (0.75 + 0.9) / 2);
  near(now.mean[1], (0.25 + 0.1) / 2);
  near(now.slope, (0.75 * 0.25 + 0.9 * 0.1) / 2);
  // ‖J‖ of two weights is 2 w (1 − w); times √4 / 2 = 1
  near(now.gradient[1], 0.75 * 0.25 + 0.9 * 0.1);
  near(now.entropy, (entropy([0.25, 0.75]) + entropy([0.1, 0.9])) / 2);
});

test('a larger divisor makes the gradient shorter even where the weights are equal', () => {
  const equal = [[0, 0, 0]];
  const [by1, by16] = [1, 16].map((divisor) => measure(equal, 16, divisor).gradient[1]);
  near(by1, 16 * by16);
});

test('histogram: bins of width 2, centred on even scores, and what lies beyond', () => {
  const { bins, beyond } = histogram([0, -0.9, 0.9, 1.1, -41, 40.9, 41, -41.1, 500]);
  assert.equal(bins.length, 41);
  assert.deepEqual([bins[0], bins[20], bins[21], bins[40]], [1, 3, 1, 1]);
  assert.deepEqual(beyond, [1, 2]);
});

const LIMITS = { exponent: 10, queries: 64, keys: 10 };

test('parse returns hundredths in the order width, query, key', () => {
  const text = Array.from({ length: 7040 }, (_, i) => i).join(' ');
  const products = parse(text, LIMITS);
  assert.deepEqual([products.length, products[0].length, products[0][0].length], [11, 64, 10]);
  assert.equal(products[0][0][9], 0.09);
  assert.equal(products[0][1][0], 0.1);
  assert.equal(products[10][63][9], 70.39);
});

test('parse names what is wrong', () => {
  const refuses = (text, got, finite) =>
    assert.throws(() => parse(text, LIMITS), { key: 'hundredths', facts: { wanted: 7040, got, finite } });
  refuses('1 2 3', 3, 3);
  refuses(Array(7040).fill('x').join(' '), 7040, 0);
  refuses('1 '.repeat(7039), 7040, 7039);
  refuses(undefined, 1, 0);
});

test('the module offers what anywidget asks for', () => {
  assert.equal(typeof figure.render, 'function');
});
