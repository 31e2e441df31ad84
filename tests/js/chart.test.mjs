import assert from 'node:assert/strict';
import { test } from 'node:test';

import { dots, readWhole, through } from '../../attnlib/widgets/static/chart.js';

const model = (it) => ({ get: () => it });

test('readWhole takes whole numbers of its range', () => {
  for (const value of [0, 7, 40]) assert.equal(readWhole(model(value), 'it', 0, 40), value);
});

test('readWhole names what is wrong', () => {
  for (const value of [-1, 41, 2.5]) {
    const message = `it must be a whole number from 0 to 40, got ${value}`;
    assert.throws(() => readWhole(model(value), 'it', 0, 40), { message });
  }
  for (const value of [NaN, Infinity, '3', null, undefined]) {
    assert.throws(() => readWhole(model(value), 'it', 0, 40), /^Error: it must be a finite number/);
  }
});

test('points as a line, and as dots', () => {
  assert.equal(through([[0, 1], [2.345678, -3]]), 'M0.00,1.00L2.35,-3.00');
  assert.equal(dots([[0, 1], [2, 3]]), 'M0.00,1.00h0M2.00,3.00h0');
});
