import assert from 'node:assert/strict';
import { test } from 'node:test';

import figure, { rotate, turn } from '../../../attnlib/widgets/static/rotary.js';

const [QUERY, KEY] = [[1, 1], [2, -1]];
const near = (actual, expected, tolerance = 1e-12) =>
  assert.ok(Math.abs(actual - expected) < tolerance, `${actual} is not ${expected}`);

test('turn: a quarter to the left, lengths stay', () => {
  const [x, y] = turn([3, 4], Math.PI / 2);
  near(x, -4);
  near(y, 3);
  near(Math.hypot(...turn([3, 4], 17.3)), 5);
});

test('one speed: the score of the chapter, by the angle between the arrows', () => {
  const { queries, keys, scores, score } = rotate(QUERY, KEY, 5, 3, [0.5]);
  assert.deepEqual([queries.length, keys.length], [1, 1]);
  const between = Math.atan2(1, 1) + 2.5 - (Math.atan2(-1, 2) + 1.5);
  near(score, Math.sqrt(10) * Math.cos(between));
  near(score, -1.98411, 1e-5);
  assert.deepEqual(scores, [score]);
});

test('the score depends on the distance alone, and its sign counts', () => {
  const speeds = [1, 0.5, 0.25, 0.125];
  const score = (n, m) => rotate(QUERY, KEY, n, m, speeds).score;
  near(score(5, 3), score(105, 103), 1e-9);
  near(score(0, 0), 4 * (2 - 1));
  near(score(-7, 0), score(0, 7), 1e-9);
  assert.ok(Math.abs(score(5, 3) - score(3, 5)) > 1);
});

test('several speeds: a pair for each, and their scores add up', () => {
  const { queries, keys, scores, score } = rotate(QUERY, KEY, 4, 9, [1, 0.3]);
  assert.deepEqual(queries[1], turn(QUERY, 4 * 0.3));
  assert.deepEqual(keys[0], turn(KEY, 9));
  near(scores[0] + scores[1], score);
  near(scores[0], rotate(QUERY, KEY, 4, 9, [1]).score);
});

test('the module offers what anywidget asks for', () => {
  assert.equal(typeof figure.render, 'function');
});
