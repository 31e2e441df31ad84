import assert from 'node:assert/strict';
import { test } from 'node:test';

import figure, { atOnce, bytes, inOrder, keysOf, readTiles, short, sizeText } from '../../../attnlib/widgets/static/tiles.js';

const pair = { scores: [0, 2], values: [0, 1], tile: 1, tiles: 2 };
const state = (changes) => ({ read: 2, order: 0, ofTile: false, rescale: 0, factor: 1, ...changes });
const output = (row, changes) => readTiles(row, state(changes)).at(-1).output;
const near = (a, b) => assert.ok(Math.abs(a - b) < 1e-6, `${a} is not ${b}`);

test('tiles in their orders, and their keys', () => {
  assert.deepEqual([0, 1, 2].map((order) => inOrder(4, order).join('')), ['0123', '3210', '1302']);
  assert.deepEqual(inOrder(3, 2), [1, 0, 2]);
  assert.deepEqual(keysOf(1, { scores: [5, 6, 7], tile: 2 }), [2]);
});

test('two keys by hand: right in both orders; without the factor .5 or .88, by order', () => {
  const right = Math.exp(2) / (1 + Math.exp(2));
  for (const order of [0, 1]) near(output(pair, { order }), right);
  near(atOnce(pair, state()).output, right);
  near(output(pair, { rescale: 1 }), 0.5);
  near(output(pair, { rescale: 1, order: 1 }), right);
  near(output(pair, { rescale: 2 }), 1 / (1 + Math.exp(2)));
  near(output(pair, { rescale: 1, ofTile: true, order: 1 }), 0.5);
});

test('the first tile begins, whatever is broken', () => {
  const [first] = readTiles({ ...pair, scores: [3, 2] }, state({ rescale: 2, ofTile: true }));
  assert.deepEqual([first.m, first.f, first.l, first.o], [3, 1, 1, 0]);
});

test('keys that were not read have no weight, even where all else overflows', () => {
  const row = { scores: [10, -10, 0], values: [1, 1, 1], tile: 1, tiles: 3 };
  const broken = readTiles(row, state({ ofTile: true, factor: 40 }))[1];
  assert.deepEqual([broken.f, broken.l, broken.output], [Infinity, Infinity, NaN]);
  assert.deepEqual(broken.weights, [NaN, 0, 0]);
  assert.equal(atOnce(row, state()).weights[2], 0);
});

test('bytes: what is held stands still while the whole grows with the square', () => {
  const limits = { block: 128, width: 64 };
  assert.deepEqual(bytes(65536, limits), { held: 99328, whole: 2 ** 34 });
  assert.equal(bytes(2 ** 20, limits).held, 99328);
  assert.deepEqual(bytes(16, limits), { held: 4 * (256 + 16 * 66), whole: 1024 });
});

test('numbers and sizes in few signs', () => {
  assert.deepEqual([NaN, Infinity, 0, -1.234, 0.001, 123.4, 3.2e38, -2e9].map(short), ['NaN', '∞', '0.00', '−1.23', '1e−3', '123', '3e38', '−2e9']);
  assert.deepEqual([24, 99328, 2 ** 34, 2 ** 42].map(sizeText), ['24 B', '99.3 kB', '17.2 GB', '4.4 TB']);
});

test('the module offers what anywidget asks for', () => {
  assert.equal(typeof figure.render, 'function');
});
