import assert from 'node:assert/strict';
import { test } from 'node:test';

import figure, { reach, weightsOf } from '../../../attnlib/widgets/static/alibi.js';

test('weights fall by the same factor from token to token, and add up to 1', () => {
  const weights = weightsOf(Math.log(2), 3);
  [4, 2, 1].forEach((part, i) => assert.ok(Math.abs(weights[i] - part / 7) < 1e-12));
  assert.deepEqual(weightsOf(0, 4), [0.25, 0.25, 0.25, 0.25]);
});

test('reach: the tokens that hold half of the weight', () => {
  assert.equal(reach([0.6, 0.4]), 1);
  assert.equal(reach([0.25, 0.25, 0.25, 0.25]), 2);
  assert.equal(reach(weightsOf(0, 41)), 21);
});

test('the module offers what anywidget asks for', () => {
  assert.equal(typeof figure.render, 'function');
});
