import assert from 'node:assert/strict';
import { test } from 'node:test';

import figure, { build, combine, maskedSoftmax, paint } from '../../../attnlib/widgets/static/mask_lab.js';

const OPEN = { n: 4, validLen: 4, isCausal: false, window: 4, painted: [] };
const grid = (mask) => mask.map((row) => row.map(Number).join('')).join(' ');

test('nothing chosen, nothing forbidden', () => {
  assert.equal(grid(combine(OPEN)), '1111 1111 1111 1111');
});

test('each mask by itself', () => {
  assert.equal(grid(combine({ ...OPEN, validLen: 2 })), '1100 1100 1100 1100');
  assert.equal(grid(combine({ ...OPEN, validLen: 0 })), '0000 0000 0000 0000');
  assert.equal(grid(combine({ ...OPEN, isCausal: true })), '1000 1100 1110 1111');
  assert.equal(grid(combine({ ...OPEN, window: 2 })), '1100 1110 0111 0011');
  assert.equal(grid(combine({ ...OPEN, window: 1 })), '1000 0100 0010 0001');
});

test('together a cell needs the consent of all, and paint has the last word', () => {
  const all = { n: 4, validLen: 3, isCausal: true, window: 2, painted: [] };
  assert.equal(grid(combine(all)), '1000 1100 0110 0010');
  assert.equal(grid(combine({ ...all, painted: [[0, 0, 0], [0, 3, 1]] })), '0001 1100 0110 0010');
});

test('weights by hand; what is forbidden gets 0 and the rest adds up to 1', () => {
  const [a, b] = maskedSoftmax([2, 1, 0], [true, true, false]);
  assert.ok(Math.abs(a / b - Math.E) < 1e-12 && Math.abs(a + b - 1) < 1e-12);
  assert.deepEqual(maskedSoftmax([5, 900, -3], [false, false, true]), [0, 0, 1]);
  assert.deepEqual(maskedSoftmax([2, 1e308, 0], [true, false, false]), [1, 0, 0]);
});

test('a row with nobody left is zeros, not NaN', () => {
  assert.deepEqual(maskedSoftmax([2, 1, 0], [false, false, false]), [0, 0, 0]);
});

test('paint: a cell changes, and loses its paint when it needs none any more', () => {
  const once = paint(OPEN, [[1, 2]], false);
  assert.deepEqual(once, [[1, 2, 0]]);
  assert.deepEqual(paint({ ...OPEN, painted: once }, [[1, 2]], true), []);
  assert.deepEqual(paint({ ...OPEN, painted: once }, [[0, 0]], false), [[1, 2, 0], [0, 0, 0]]);
});

test('paint: what the controls forbid later can still be allowed', () => {
  const once = paint(OPEN, [[0, 3]], false);
  const causal = { ...OPEN, isCausal: true, painted: once };
  assert.deepEqual(paint(causal, [[0, 3]], true), [[0, 3, 1]]);
});

test('paint: a whole row stores only the cells that differ', () => {
  const causal = { ...OPEN, isCausal: true };
  const row = [0, 1, 2, 3].map((j) => [1, j]);
  assert.deepEqual(paint(causal, row, false), [[1, 0, 0], [1, 1, 0]]);
  assert.deepEqual(paint(causal, row, true), [[1, 2, 1], [1, 3, 1]]);
});

test('paint does not change what it is given', () => {
  const painted = Object.freeze([[1, 2, 0]]);
  paint({ ...OPEN, painted }, [[1, 2]], true);
  assert.deepEqual(painted, [[1, 2, 0]]);
});

test('the code has a line for each control; those that do nothing are comments', () => {
  assert.deepEqual(build({ ...OPEN, validLen: 3, isCausal: true, painted: [[1, 2, 0], [0, 3, 1], [3, 0, 0]] }), [
    'mask = torch.ones(4, 4).bool()',
    'lengths = torch.tensor([3])',
    'mask &= padding_mask(lengths, 4)[0]',
    'mask &= causal_mask(4)',
    '# mask &= sliding_window_mask(4, window=4)',
    'mask[[1, 3], [2, 0]] = False',
    'mask[0, 3] = True',
  ]);
});

test('the module offers what anywidget asks for', () => {
  assert.equal(typeof figure.render, 'function');
});
