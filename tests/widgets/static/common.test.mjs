import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  dot, fixed, pair, readFlag, readNumber, readRow, readRows, readTokens, readWhole, softmax, weightedSum,
} from '../../../attnlib/widgets/static/common.js';

const close = (actual, expected, message) => {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-12, message ?? `${actual} is not ${expected}`));
};
const model = (traits) => ({ get: (name) => traits[name] });

test('dot and weightedSum by hand', () => {
  assert.equal(dot([1, 1], [2, -1]), 1);
  assert.equal(dot([2, -3, 5], [7, 11, 13]), 14 - 33 + 65);
  close(weightedSum([0.5, 0.25, 0.25], [[1, 3], [-1, 3], [-1, 1]]), [0, 2.5]);
});

test('softmax: the definition, a sum of 1, the order of the scores', () => {
  const [a, b, c] = [2, 1, 0].map(Math.exp);
  close(softmax([2, 1, 0]), [a, b, c].map((x) => x / (a + b + c)));
  assert.ok(Math.abs(softmax([3, -7, 0.5, 11, 2]).reduce((x, y) => x + y) - 1) < 1e-12);
  close(softmax([5]), [1]);
});

test('softmax of very large and very small scores stays finite', () => {
  close(softmax([1e4, 1e4]), [0.5, 0.5]);
  close(softmax([1e308, 0]), [1, 0]);
  close(softmax([-1e4, -1e4 + Math.log(3)]), [0.25, 0.75], 'a common shift changes nothing');
});

test('numbers for the reader', () => {
  assert.equal(fixed(0.66524), '0.67');
  assert.equal(fixed(-1.5, 1), '−1.5');
  assert.equal(fixed(-0.001), '0.00');
  assert.equal(fixed(-0, 0), '0');
  assert.equal(pair([1, -1]), '(1, −1)');
  assert.equal(pair([0.3305, 2.8199]), '(0.33, 2.82)');
});

test('readers accept what is right', () => {
  const traits = { x: -2.5, tokens: ['早', '<b>'], keys: [[1, 2], [3, 4]] };
  assert.equal(readNumber(model(traits), 'x'), -2.5);
  assert.deepEqual(readTokens(model(traits), 'tokens', 2), ['早', '<b>']);
  assert.deepEqual(readRow(model({ start: [1, -0.5] }), 'start', 2), [1, -0.5]);
  assert.deepEqual(readRows(model(traits), 'keys', 2, 2), [[1, 2], [3, 4]]);
});

test('readers name what is wrong', () => {
  const message = (read, value) => {
    try {
      read(model({ it: value }));
    } catch (error) {
      return error.message;
    }
    return assert.fail(`accepted ${value}`);
  };
  const number = (m) => readNumber(m, 'it');
  const tokens = (m) => readTokens(m, 'it', 12);
  const rows = (m) => readRows(m, 'it', 2, 2);
  assert.equal(message(number, NaN), 'it must be a finite number, got "NaN"');
  assert.equal(message(number, '1'), 'it must be a finite number, got "1"');
  assert.equal(message(number, undefined), 'it must be a finite number, got undefined');
  assert.match(message(tokens, []), /^it must be a list of one or more texts, got \[\]/);
  assert.match(message(tokens, [1]), /got \[1\]/);
  assert.match(message(tokens, '早上好'), /must be a list/);
  assert.match(message(tokens, Array(200).fill('a')), /at most 12 .* got 200/);
  assert.equal(message((m) => readRow(m, 'it', 2), [1]), 'it must be 2 finite numbers, got [1]');
  assert.match(message(rows, [[1, 2]]), /must have 2 rows, one for each token, got 1/);
  assert.match(message(rows, null), /got null/);
  assert.match(message(rows, [[1, 2], [3]]), /^it\[1\] must be 2 finite numbers, got \[3\]/);
  assert.match(message(rows, [[1, NaN], [3, 4]]), /^it\[0\] must be 2 finite numbers, got \[1,"NaN"\]/);
  assert.match(message(rows, [[1, 2], 'xy']), /^it\[1\]/);
});

test('readWhole takes whole numbers of its range', () => {
  for (const value of [0, 7, 40]) assert.equal(readWhole(model({ it: value }), 'it', 0, 40), value);
});

test('readWhole names what is wrong', () => {
  for (const value of [-1, 41, 2.5]) {
    const message = `it must be a whole number from 0 to 40, got ${value}`;
    assert.throws(() => readWhole(model({ it: value }), 'it', 0, 40), { message });
  }
  for (const value of [NaN, Infinity, '3', null, undefined]) {
    assert.throws(() => readWhole(model({ it: value }), 'it', 0, 40), /^Error: it must be a finite number/);
  }
});

test('readFlag takes true and false alone', () => {
  for (const value of [true, false]) assert.equal(readFlag(model({ it: value }), 'it'), value);
  for (const value of [0, 'true', null, undefined]) {
    assert.throws(() => readFlag(model({ it: value }), 'it'), /^Error: it must be true or false, got /);
  }
});
