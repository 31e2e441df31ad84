import assert from 'node:assert/strict';
import { test } from 'node:test';

import figure from '../../../attnlib/widgets/static/reading.js';
import { lookUp, read, readModel, shapes } from '../../../attnlib/widgets/static/reading_model.js';
import { split } from '../../../attnlib/widgets/static/typed.js';
import { unpack } from '../../../attnlib/widgets/static/weights.js';

// Equality with torch: tests/widgets/test_reading.py and test_transformer_js.py, which start node.

const bytes = (...values) => Buffer.from(values).toString('base64');
const packed = (shape) => {
  const [rows, columns] = shape.length === 1 ? [1, shape[0]] : shape;
  return { shape, scales: bytes(...Array(rows).fill([0x80, 0x3f]).flat()), steps: 'g'.repeat(rows * columns) }; // zeros
};
const traits = (changes = {}) => {
  const weights = Object.fromEntries(Object.entries(shapes(2, 2, 4)).map(([name, shape]) => [name, packed(shape)]));
  weights['output.bias'] = { shape: [2], scales: bytes(0x80, 0x3f), steps: 'hg' };
  const all = { weights, characters: '乐音', readings: '乐\tlè\tyuè', counts: '快$3^$\n音$', ...changes };
  return (name) => all[name];
};
const limits = { heads: 1, base: 100 };
const refuses = (act, key, facts) => assert.throws(act, { key, facts });

test('unpack: whole numbers times the scale of their row', () => {
  const { w, b } = unpack({
    w: { shape: [2, 3], scales: bytes(0x80, 0x3f, 0x00, 0x40), steps: '/fgiBg' }, // 1 and 2
    b: { shape: [2], scales: bytes(0x00, 0x3f), steps: 'he' }, // 0.5
  }, { w: [2, 3], b: [2] });
  assert.deepEqual(w.map((row) => [...row]), [[31, -1, 0], [4, -62, 0]]);
  assert.deepEqual([...b], [0.5, -1]);
});

test('unpack says what is wrong', () => {
  const good = packed([2, 3]);
  const one = (changes) => () => unpack({ w: { ...good, ...changes } }, { w: [2, 3] });
  refuses(one({ shape: [3, 2] }), 'not_packed', { name: 'weights.w.shape', got: '[3,2], not [2,3]' });
  refuses(one({ steps: 'ggggg' }), 'not_packed', { name: 'weights.w.steps', got: '"ggggg"' });
  refuses(one({ steps: 'ggg早gg' }), 'not_packed', { name: 'weights.w.steps', got: '"ggg早gg"' });
  refuses(one({ scales: 'AAA=' }), 'not_packed', { name: 'weights.w.scales', got: '"AAA="' });
  refuses(one({ scales: '早' }), 'not_packed', { name: 'weights.w.scales', got: '"早"' });
  refuses(one({ steps: 5 }), 'not_packed', { name: 'weights.w.steps', got: '5' });
  refuses(one({ scales: bytes(0x80, 0x7f, 0x80, 0x7f) }), 'not_packed', { name: 'weights.w.scales', got: '"Infinity"' });
  refuses(() => unpack(undefined, { w: [1] }), 'not_packed', { name: 'weights.w.shape', got: 'undefined, not [1]' });
});

test('split: characters, no more than there is room for, without space around them', () => {
  assert.deepEqual(split(' 早上好\n', 10), { characters: ['早', '上', '好'], left: 0 });
  assert.deepEqual(split('早上好', 2), { characters: ['早', '上'], left: 1 });
  assert.deepEqual(split('😀e\u0301', 9), { characters: ['😀', 'é'], left: 0 }); // no half of a pair, one letter
  assert.deepEqual(split('', 9), { characters: [], left: 0 });
});

test('read: weights that are all zero leave the bias, and heads that look everywhere alike', () => {
  const model = readModel(traits(), limits);
  const { weights, readings, scores, known } = read(model, ['音', '乐', '?'], { window: 9, on: [true] });
  assert.deepEqual(scores, [undefined, [1, 0], undefined]);
  assert.ok(Math.abs(readings[1][0] - Math.E / (1 + Math.E)) < 1e-12);
  assert.deepEqual(known, [true, true, false]);
  assert.deepEqual([...weights[0][2]], Array(5).fill(0.2));
  const near = read(model, ['音', '乐', '?'], { window: 1, on: [true] });
  assert.deepEqual([...near.weights[0][2]], [0, 1 / 3, 1 / 3, 1 / 3, 0]);
});

test('lookUp: the first place that was counted decides', () => {
  const model = readModel(traits(), limits);
  const at = (phrase, i) => {
    const { places, reading } = lookUp(model, [...phrase], i);
    return [places.find((each) => each.decides).place, reading, ...places.map(({ counts }) => counts.join(':'))];
  };
  assert.deepEqual(at('快乐', 1), ['both', 0, '3:0', '3:0', '4:1', '4:1']);
  assert.deepEqual(at('音乐', 1), ['both', 1, '0:1', '0:1', '4:1', '4:1']);
  assert.deepEqual(at('音乐快', 1), ['left', 1, '0:0', '0:1', '0:0', '4:1']);
  assert.deepEqual(at('国乐', 1), ['right', 0, '0:0', '0:0', '4:1', '4:1']);
  assert.deepEqual(at('国乐快', 1), ['alone', 0, '0:0', '0:0', '0:0', '4:1']);
  assert.deepEqual(at('^乐', 1)[0], 'right'); // a sign that is typed is no end
  const uncounted = readModel(traits({ counts: '\n' }), limits);
  assert.equal(lookUp(uncounted, ['乐'], 0).reading, 0);
});

test('readModel says what is wrong', () => {
  const with_ = (changes) => () => readModel(traits(changes), limits);
  refuses(with_({ readings: '乐\tlè' }), 'readings', { got: '"乐\\tlè"' });
  refuses(with_({ readings: '音乐\tlè\tyuè' }), 'readings', { got: '"音乐\\tlè\\tyuè"' });
  refuses(with_({ readings: '乐\tlè\tyuè\n乐\ta\tb' }), 'readings', { got: '"乐\\ta\\tb"' });
  refuses(with_({ characters: 5 }), 'characters', { got: '5' });
  refuses(with_({ counts: '快$' }), 'counts', { count: 2, got: 1 });
  refuses(with_({ counts: '快\n音$' }), 'counts', { count: 2, got: '"快"' });
  refuses(with_({ weights: null }), 'width', { heads: 1, got: 'undefined' });
});

test('the module offers what anywidget asks for', () => assert.equal(typeof figure.render, 'function'));
