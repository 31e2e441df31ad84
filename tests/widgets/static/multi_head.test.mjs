import assert from 'node:assert/strict';
import { test } from 'node:test';

import { onCurve } from '../../../attnlib/widgets/static/head_lines.js';
import { outlines } from '../../../attnlib/widgets/static/heat_map.js';
import figure, { decode, meanOfHeads } from '../../../attnlib/widgets/static/multi_head.js';

const encode = (numbers) => {
  const bytes = Buffer.alloc(4 * numbers.length);
  numbers.forEach((number, i) => bytes.writeFloatLE(number, 4 * i));
  return bytes.toString('base64');
};
const near = (a, b) => Math.abs(a - b) < 1e-12;

test('decode: float32, little endian, in base64', () => {
  assert.deepEqual([...decode('AAAAPwAAgD4AAIA+', 3)], [0.5, 0.25, 0.25]); // as Python writes it
  const numbers = [0, 1, 0.1, 1e-6, 0.9999];
  [...decode(encode(numbers), 5)].forEach((value, i) => assert.equal(value, Math.fround(numbers[i])));
});

test('decode says what is wrong', () => {
  const refuses = (text, count, got) =>
    assert.throws(() => decode(text, count), { key: 'not_base64', facts: { count, got } });
  refuses(encode([1, 2]), 3, 2);
  refuses('', 3, 0);
  refuses('<b>', 3, '<b>');
  refuses('abcde', 3, 'abcde');
  refuses(undefined, 3, 'undefined');
  refuses([0.5], 1, '0.5');
});

test('meanOfHeads: of what stands at the same place in each head', () => {
  const heads = Float64Array.of(1, 0, 0, 1, /* head 1 */ 0.5, 0.5, 0, 1, /* head 2 */ 0, 1, 0, 1);
  const mean = meanOfHeads(heads, 3);
  [0.5, 0.5, 0, 1].forEach((value, i) => assert.ok(near(mean[i], value), `${mean}`));
  assert.deepEqual([...meanOfHeads(heads.subarray(0, 4), 1)], [1, 0, 0, 1]);
});

/** Cells of a path: [row, column] of each rectangle, in order. */
const cells = (path) => [...path.matchAll(/M(\d+),(\d+)h/g)].map(([, x, y]) => [y / 20, x / 20]);

test('outlines: every cell that has a weight is in one path, the one of its shade', () => {
  const matrix = [0, 0.5, 1, 0.004, 0.25, 0.745];
  const { shades, hatching } = outlines(matrix, 3, () => false);
  assert.equal(shades.length, 51);
  assert.equal(hatching, '');
  const found = shades.flatMap((path, shade) => cells(path).map((cell) => [...cell, shade]));
  assert.deepEqual(found, [[1, 1, 13], [0, 1, 25], [1, 2, 37], [0, 2, 50]]);
});

test('outlines: a weight that was rounded above 1 keeps the fullest shade', () => {
  const { shades } = outlines([1.0009], 1, () => false);
  assert.deepEqual(cells(shades[50]), [[0, 0]]);
});

test('outlines: masked cells are hatched and not filled', () => {
  const { shades, hatching } = outlines([1, 0.7, 1, 1], 2, (cell) => cell === 1, 1);
  assert.deepEqual(cells(shades[50]), [[0, 0], [1, 0], [1, 1]]);
  assert.equal(shades[35], '');
  assert.ok(hatching.startsWith('M20,20l20,-20'));
  assert.ok(shades[50].includes('h19v19h-19z'), 'a gap between cells');
});

test('outlines: where cells are small, the hatching stays as wide as elsewhere', () => {
  const count = (n) => outlines(new Float64Array(n * n), n, () => true).hatching.split('M').length - 1;
  assert.equal(count(16), 256);
  assert.equal(count(64), 1024); // a diagonal of four
});

test('onCurve: from the query to the key, through the middle, on the curve of the line', () => {
  assert.deepEqual(onCurve(0, 3, 9), [0, 3]);
  assert.deepEqual(onCurve(1, 3, 9), [100, 9]);
  assert.deepEqual(onCurve(0.5, 3, 9), [50, 6]);
  // de Casteljau at 1/4, with the corners (0, 0), (50, 0), (50, 8), (100, 8)
  const between = (a, b) => a.map((value, i) => value + (b[i] - value) / 4);
  let points = [[0, 0], [50, 0], [50, 8], [100, 8]];
  while (points.length > 1) points = points.slice(1).map((point, i) => between(points[i], point));
  onCurve(0.25, 0, 8).forEach((value, i) => assert.ok(near(value, points[0][i])));
});

test('the module offers what anywidget asks for, and no deprecated export', async () => {
  assert.equal(typeof figure.render, 'function');
  assert.ok(!('render' in (await import('../../../attnlib/widgets/static/multi_head.js'))));
});
