import assert from 'node:assert/strict';
import { test } from 'node:test';

import figure, { consider, largest, numbersOf } from '../../../attnlib/widgets/static/induction.js';
import { lookOf } from '../../../attnlib/widgets/static/induction_maps.js';
import { periodOf, readInduction, reorder, shapes } from '../../../attnlib/widgets/static/induction_model.js';

// Equality with torch: tests/widgets/test_induction.py, which starts node.

const packed = ([rows, columns]) => ({ shape: [rows, columns], scales: btoa('\x80\x3f'.repeat(rows)), steps: 'g'.repeat(rows * columns) }); // zeros
const limits = { layers: 2, heads: 1, base: 100, most: 6, orders: 8 };
const traits = (changes = {}) => {
  const weights = Object.fromEntries(Object.entries(shapes(3, 4, 2)).map(([name, shape]) => [name, packed(shape)]));
  const all = { weights, signs: 'a好c', ...changes };
  return (name) => all[name];
};
const refuses = (act, key, facts) => assert.throws(act, { key, facts });
const texts = (...all) => all.map((text) => [...text]);

test('the block that a text repeats', () => {
  const periods = texts('', 'a', 'ab', 'aba', 'abcab', 'abcabc', 'abcabx', 'aab', 'aaa', 'aabaab').map(periodOf);
  assert.deepEqual(periods, [0, 1, 2, 2, 3, 3, 6, 3, 1, 3]);
});

test('another order in each copy: the block stays, each copy holds its signs, none is as it was', () => {
  const text = [...'abcdefabcdefabcdefabc'];
  const found = [1, 2, 3, 4, 5, 6, 7, 8].map((order) => reorder(text, order));
  for (const each of found) {
    assert.equal(each.length, text.length);
    assert.deepEqual(each.slice(0, 6), [...'abcdef']);
    for (const from of [6, 12]) {
      assert.deepEqual(each.slice(from, from + 6).sort(), [...'abcdef']);
      assert.notDeepEqual(each.slice(from, from + 6), [...'abcdef']);
    }
    assert.equal(new Set(each.slice(18)).size, 3); // cut off, and still different signs
    assert.notDeepEqual(each.slice(6, 12), each.slice(12, 18));
  }
  assert.equal(new Set(found.map(String)).size, 8);
  assert.deepEqual(reorder(text, 3), found[2]); // the same each time
});

test('nothing to shuffle: as typed, no copies, copies of one sign', () => {
  for (const text of texts('abcabc', 'abc', 'aaa', '')) assert.deepEqual(reorder(text, text.length === 6 ? 0 : 4), text);
  assert.deepEqual(reorder([...'abab'], 5), [...'abba']); // two signs have one other order
});

test('weights that are all zero look everywhere alike, and expect every sign alike', () => {
  const structure = { limits, induction: readInduction(traits(), limits) };
  const now = { text: ' a?好A?a ', order: 0, at: 5, on: [true, false] };
  const seen = consider(structure, now);
  assert.deepEqual([seen.signs, seen.unknown, seen.left], [['a', '好', 'a'], ['?', 'A'], 0]);
  assert.deepEqual(seen.expected, [1, 1 / 3, 1 / 3]);
  const numbers = numbersOf(now, seen);
  assert.deepEqual(numbers.weights, [[[1 / 3, 1 / 3, 1 / 3]], [[1 / 3, 1 / 3, 1 / 3]]]);
  assert.deepEqual(numbers.odds, [[1 / 3, 1 / 3, 1 / 3], [1 / 3, 1 / 3, 1 / 3]]);
  assert.deepEqual(numbersOf({ ...now, at: 1 }, seen).weights[1], [[1 / 2, 1 / 2, 0]]);
  assert.equal(consider(structure, { ...now, text: 'acacacacac' }).left, 4);
  assert.deepEqual(consider(structure, { ...now, text: 'ac acac', order: 1 }).signs, [...'accaca']);
  const empty = consider(structure, { ...now, text: ' ?' });
  assert.deepEqual(numbersOf({ ...now, text: '' }, empty), {
    text: '', order: 0, at: 5, on: [true, false], expected: [], signs: '', scores: [], odds: [], weights: [],
  });
});

test('the largest come first, and where a head looks most is told with its distance', () => {
  assert.deepEqual(largest([0.1, 0.5, 0.3, 0.1], 3), [1, 2, 0]);
  assert.deepEqual(largest([1, 2], 5), [1, 0]);
  const words = { look: '{sign} -{back} {weight}', look_here: '{sign} {weight}' };
  assert.equal(lookOf(['a', 'b', 'c'], [0.2, 0.7, 0.1], 2, words), 'b -1 0.70');
  assert.equal(lookOf(['a', 'b', 'c'], [0.2, 0.1, 0.7], 2, words), 'c 0.70');
});

test('readInduction says what is wrong', () => {
  const with_ = (changes, other = limits) => () => readInduction(traits(changes), other);
  refuses(with_({ signs: '' }), 'signs', { got: '""' });
  refuses(with_({ signs: 5 }), 'signs', { got: '5' });
  refuses(with_({ weights: null }), 'width', { heads: 1, got: 'undefined' });
  refuses(with_({}, { ...limits, heads: 4 }), 'width', { heads: 4, got: '4' });
  refuses(with_({ signs: 'ab' }), 'not_packed', { name: 'weights.tokens.weight.shape', got: '[3,4], not [2,4]' });
  refuses(with_({}, { ...limits, layers: 3 }), 'not_packed', { name: 'weights.layers.2.in_proj.weight.shape', got: 'undefined, not [12,4]' });
});

test('the module offers what anywidget asks for', () => assert.equal(typeof figure.render, 'function'));
