import assert from 'node:assert/strict';
import { test } from 'node:test';

import figure from '../../../attnlib/widgets/static/cache_lab.js';
import { BUGS, positions } from '../../../attnlib/widgets/static/cache_lab_model.js';

// Equality with torch: tests/widgets/test_cache_lab.py, which starts node.

test('the positions that a token gets in place 3: of its sinusoid, of its turn', () => {
  const found = Object.fromEntries(BUGS.map((bug) => [bug, positions(bug, 3)]));
  assert.deepEqual(found, {
    none: [3, 3], position: [0, 3], rotary: [3, 0], twice: [3, 6], upper_left: [3, 3], forget: [3, 3], stale: [3, 3],
  });
});

test('the module offers what anywidget asks for', () => assert.equal(typeof figure.render, 'function'));
