import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  dot, fixed, pair, readFlag, readNumber, readRow, readRows, readTokens, readWhole, say, shown, softmax,
  weightedSum,
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

/** The reader refuses a value with this key of `words.errors` and these facts beside the name. */
const refuses = (read, value, key, facts, name = 'it') =>
  assert.throws(() => read(model({ it: value })), { key, facts: { name, ...facts } });

test('readers name what is wrong', () => {
  const number = (m) => readNumber(m, 'it');
  const tokens = (m) => readTokens(m, 'it', 12);
  const rows = (m) => readRows(m, 'it', 2, 2);
  refuses(number, NaN, 'not_finite', { got: '"NaN"' });
  refuses(number, '1', 'not_finite', { got: '"1"' });
  refuses(number, undefined, 'not_finite', { got: 'undefined' });
  refuses(tokens, [], 'not_texts', { got: '[]' });
  refuses(tokens, [1], 'not_texts', { got: '[1]' });
  refuses(tokens, '早上好', 'not_texts', { got: '"早上好"' });
  refuses(tokens, Array(200).fill('a'), 'too_many', { most: 12, got: 200 });
  refuses((m) => readRow(m, 'it', 2), [1], 'not_row', { width: 2, got: '[1]' });
  refuses(rows, [[1, 2]], 'not_rows', { count: 2, got: 1 });
  refuses(rows, null, 'not_rows', { count: 2, got: 'null' });
  refuses(rows, [[1, 2], [3]], 'not_row', { width: 2, got: '[3]' }, 'it[1]');
  refuses(rows, [[1, NaN], [3, 4]], 'not_row', { width: 2, got: '[1,"NaN"]' }, 'it[0]');
  refuses(rows, [[1, 2], 'xy'], 'not_row', { width: 2, got: '"xy"' }, 'it[1]');
});

test('readWhole takes whole numbers of its range', () => {
  for (const value of [0, 7, 40]) assert.equal(readWhole(model({ it: value }), 'it', 0, 40), value);
});

test('readWhole names what is wrong', () => {
  const whole = (m) => readWhole(m, 'it', 0, 40);
  for (const value of [-1, 41, 2.5]) refuses(whole, value, 'not_whole', { least: 0, most: 40, got: value });
  for (const value of [NaN, Infinity, '3', null, undefined]) refuses(whole, value, 'not_finite', { got: shown(value) });
});

test('readFlag takes true and false alone', () => {
  for (const value of [true, false]) assert.equal(readFlag(model({ it: value }), 'it'), value);
  for (const value of [0, 'true', null, undefined]) refuses((m) => readFlag(m, 'it'), value, 'not_flag', { got: shown(value) });
});

test('say puts facts in as they are, and leaves other braces alone', () => {
  assert.equal(say('{a} and {b} of {c}', { a: '$&', b: '{a}' }), '$& and {a} of {c}');
});
