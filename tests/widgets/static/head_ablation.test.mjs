import assert from 'node:assert/strict';
import { test } from 'node:test';

import figure, { placeOf } from '../../../attnlib/widgets/static/head_ablation.js';

test('the place of an error: head h adds 2 to the power of h', () => {
  assert.equal(placeOf([false, false]), 0);
  assert.equal(placeOf([true, false]), 1);
  assert.equal(placeOf([false, true]), 2);
  assert.equal(placeOf([true, false, true]), 5);
});

test('the module offers what anywidget asks for', () => {
  assert.equal(typeof figure.render, 'function');
});
