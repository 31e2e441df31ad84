import assert from 'node:assert/strict';
import { test } from 'node:test';

import figure, { attend } from '../../../attnlib/widgets/static/query_key_value.js';

const KEYS = [[1, 1], [2, -1], [1, -1]];
const VALUES = [[1, 3], [-1, 3], [-1, 1]];
const close = (actual, expected, tolerance = 1e-12) =>
  actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < tolerance, `${actual} is not ${expected}`));

test('the query of 上 on 早上好, by hand', () => {
  const { scores, weights, output } = attend([1, 1], KEYS, VALUES, 1);
  assert.deepEqual(scores, [2, 1, 0]);
  const total = Math.E ** 2 + Math.E + 1;
  close(weights, [Math.E ** 2 / total, Math.E / total, 1 / total]);
  close(weights, [0.6652, 0.2447, 0.09], 1e-4);
  close(output, [0.3305, 2.8199], 1e-4);
});

test('the scale multiplies the scores', () => {
  const { scores, weights } = attend([1, 1], KEYS, VALUES, 0.5);
  assert.deepEqual(scores, [1, 0.5, 0]);
  close(weights, attend([0.5, 0.5], KEYS, VALUES, 1).weights);
});

test('a query of zeros attends to all alike', () => {
  close(attend([0, 0], KEYS, VALUES, 1).weights, [1 / 3, 1 / 3, 1 / 3]);
  close(attend([0, 0], KEYS, VALUES, 1).output, [-1 / 3, 7 / 3]);
});

test('the module offers what anywidget asks for, and no deprecated export', async () => {
  assert.equal(typeof figure.render, 'function');
  assert.ok(!('render' in (await import('../../../attnlib/widgets/static/query_key_value.js'))));
});
