import assert from 'node:assert/strict';
import { test } from 'node:test';

import { dot } from '../../../attnlib/widgets/static/common.js';
import { tip } from '../../../attnlib/widgets/static/clock_faces.js';
import figure, {
  choose, encoding, entry, productAt, speed, visible, wave,
} from '../../../attnlib/widgets/static/positional_encoding.js';

const near = (actual, expected, tolerance = 1e-12) =>
  assert.ok(Math.abs(actual - expected) < tolerance, `${actual} is not ${expected}`);

test('entries by hand: sine and cosine of a hand side by side', () => {
  const P = encoding(3, 4, 10_000);
  assert.deepEqual([P.length, P[0].length], [3, 4]);
  const expected = [
    [0, 1, 0, 1],
    [Math.sin(1), Math.cos(1), Math.sin(0.01), Math.cos(0.01)],
    [Math.sin(2), Math.cos(2), Math.sin(0.02), Math.cos(0.02)],
  ];
  expected.forEach((row, p) => row.forEach((value, j) => near(P[p][j], value)));
  near(entry(17, 6, 32, 10_000), Math.sin(17 / 10_000 ** (6 / 32)));
});

test('the hands slow down from 1 to nearly 1 / base', () => {
  assert.equal(speed(0, 32, 100), 1);
  near(speed(15, 32, 100), 100 ** (-30 / 32));
});

test('a dot product of rows is a sum of cosines of their distance', () => {
  const P = encoding(60, 32, 1000);
  for (const [m, n] of [[10, 17], [30, 37], [59, 0], [4, 4]]) near(dot(P[m], P[n]), productAt(n - m, 32, 1000), 1e-9);
  near(productAt(0, 32, 1000), 16);
});

test('choose: in and out, never none, no more than four with the latest', () => {
  assert.deepEqual(choose([6, 7], 8, 4), [6, 7, 8]);
  assert.deepEqual(choose([6, 7, 8], 7, 4), [6, 8]);
  assert.deepEqual(choose([6], 6, 4), [6]);
  assert.deepEqual(choose([9, 6, 7, 8], 1, 4), [6, 7, 8, 1]);
  const before = [6, 7];
  choose(before, 8, 4);
  assert.deepEqual(before, [6, 7]);
});

test('visible: what the width leaves, else the slowest hand', () => {
  assert.deepEqual(visible([9, 6, 7, 8], 8, 4), [6, 7]);
  assert.deepEqual(visible([6, 7, 8, 9], 4, 4), [2, 3]);
  assert.deepEqual(visible([], 32, 4), [30, 31]);
  assert.deepEqual(visible([6, 6, 6], 32, 4), [6]);
  assert.deepEqual(visible([1, 2, 3, 4, 5], 32, 4), [2, 3, 4, 5]);
});

test('wavelengths have about three digits', () => {
  assert.deepEqual([6.2832, 35.33, 135.4, 9999.6, 438_460].map(wave), ['6.28', '35.3', '135', '10000', '438k']);
});

test('the module offers what anywidget asks for', () => {
  assert.equal(typeof figure.render, 'function');
});

test('a hand points up at angle 0 and turns clockwise', () => {
  const [x, up] = tip(80, 0, 1);
  assert.equal(x, 80);
  const [right, middle] = tip(80, 1, 0);
  near(right - 80, middle - up);
  assert.ok(right > 80 && up < middle);
});
