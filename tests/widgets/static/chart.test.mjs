import assert from 'node:assert/strict';
import { test } from 'node:test';

import { dots, through } from '../../../attnlib/widgets/static/chart.js';

test('points as a line, and as dots', () => {
  assert.equal(through([[0, 1], [2.345678, -3]]), 'M0.00,1.00L2.35,-3.00');
  assert.equal(dots([[0, 1], [2, 3]]), 'M0.00,1.00h0M2.00,3.00h0');
});
