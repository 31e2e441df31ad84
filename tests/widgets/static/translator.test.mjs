import assert from 'node:assert/strict';
import { test } from 'node:test';

import { KeyValueCache, multiHead } from '../../../attnlib/widgets/static/transformer.js';
import figure, { consider, numbersOf } from '../../../attnlib/widgets/static/translator.js';
import { arcsOf } from '../../../attnlib/widgets/static/translator_arcs.js';
import { greedy, readTranslator, shapes, symbolOf } from '../../../attnlib/widgets/static/translator_model.js';

// Equality with torch: tests/widgets/test_translator.py, which starts node.

const packed = (shape) => {
  const [rows, columns] = shape.length === 1 ? [1, shape[0]] : shape;
  return { shape, scales: btoa('\x80\x3f'.repeat(rows)), steps: 'g'.repeat(rows * columns) }; // zeros
};
const limits = { heads: 1, base: 100, rotary: 10_000, most: 40, steps: 12 };
const traits = (changes = {}) => {
  const weights = Object.fromEntries(Object.entries(shapes(2, 1, 4, 3)).map(([name, shape]) => [name, packed(shape)]));
  const all = { weights, characters: 'ab', symbols: '1', ...changes };
  return (name) => all[name];
};
const refuses = (act, key, facts) => assert.throws(act, { key, facts });

test('greedy: the best, until the end or until there is no room', () => {
  const next = (fed) => (fed.length < 3 ? [0, 0, 1, 2] : [0, 0, 2, 1]);
  assert.deepEqual(greedy({ steps: 12 }, next), { fed: [1, 3, 3], made: [3, 3, 2] });
  assert.deepEqual(greedy({ steps: 2 }, next), { fed: [1, 3], made: [3, 3] });
});

test('weights that are all zero look everywhere alike, and write the first row', () => {
  const translator = readTranslator(traits(), limits);
  const seen = consider({ translator, limits }, { text: ' ab?', on: [true] });
  assert.deepEqual(seen.known, [true, true, false]);
  assert.deepEqual(seen.made, Array(12).fill(0));
  const { weights, probabilities, text } = numbersOf({ at: 99, on: [true] }, seen);
  assert.deepEqual(weights, [[1 / 3, 1 / 3, 1 / 3]]);
  assert.deepEqual(probabilities, Array(4).fill(0.25));
  assert.equal(text, 'ab?');
  const empty = consider({ translator, limits }, { text: ' ', on: [true] });
  assert.deepEqual(numbersOf({ at: 0, on: [true] }, empty), { text: '', at: 0, on: [true], made: [], scores: [], probabilities: [], weights: [] });
});

test('ends have signs', () => {
  const words = { blank: '∅', begin: '⊢', end: '⊣' };
  assert.deepEqual([0, 1, 2, 3].map((id) => symbolOf({ symbols: ['7'] }, id, words)), ['∅', '⊢', '⊣', '7']);
});

test('an arc for each weight that can be seen, thick as it is', () => {
  const arcs = arcsOf([0.04, 0.06, 0.9], '2.50', 0.1);
  assert.equal(arcs[1], 'M2.50,10C2.50,5 1.60,5 1.60,0');
  assert.equal(arcs[9], 'M2.50,10C2.50,5 2.60,5 2.60,0');
  assert.equal(arcs.join('').match(/M/g).length, 2);
});

test('a cache: in two pieces the same as at once', () => {
  const row = (...values) => Float64Array.from(values);
  const x = [row(1, 2), row(-1, 0.5), row(0.3, -2)];
  const tensors = {
    'a.in_proj.weight': [row(1, 0.2), row(0, 1), row(0.5, 1), row(1, -1), row(1, 0), row(0, 1)],
    'a.out_proj.weight': [row(1, 0), row(0, 1)],
  };
  const whole = multiHead(tensors, 'a', x, { heads: 1, base: 100, may: (i, j) => j <= i });
  const cache = new KeyValueCache();
  const first = multiHead(tensors, 'a', x.slice(0, 2), { heads: 1, base: 100, cache, may: (i, j) => j <= i });
  const second = multiHead(tensors, 'a', x.slice(2), { heads: 1, base: 100, cache });
  assert.equal(cache.length, 3);
  [...first.output, ...second.output].forEach((each, i) => each.forEach((value, c) =>
    assert.ok(Math.abs(value - whole.output[i][c]) < 1e-12)));
});

test('readTranslator says what is wrong', () => {
  const with_ = (changes) => () => readTranslator(traits(changes), limits);
  refuses(with_({ characters: '' }), 'characters', { name: 'characters', got: '""' });
  refuses(with_({ symbols: 5 }), 'characters', { name: 'symbols', got: '5' });
  refuses(with_({ weights: null }), 'width', { heads: 1, got: 'undefined' });
  refuses(with_({ symbols: '12' }), 'not_packed', { name: 'weights.target.weight.shape', got: '[4,4], not [5,4]' });
});

test('the module offers what anywidget asks for', () => assert.equal(typeof figure.render, 'function'));
