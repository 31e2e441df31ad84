// A model's weights out of the text in which they travel: weights.py packs them.

import { Refused, shown } from './common.js';

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES = new Map([...DIGITS].map((digit, value) => [digit, value - 32])); // 0 is in the middle

function readScales(text, name, rows) {
  let found;
  try {
    if (typeof text === 'string') found = atob(text);
  } catch { /* no base64: said below */ }
  if (found?.length !== 2 * rows) throw new Refused('not_packed', { name: `${name}.scales`, got: shown(text) });
  const view = new DataView(new ArrayBuffer(4));
  return Array.from({ length: rows }, (_, row) => {
    view.setUint8(2, found.charCodeAt(2 * row));
    view.setUint8(3, found.charCodeAt(2 * row + 1));
    const scale = view.getFloat32(0, true);
    if (!Number.isFinite(scale)) throw new Refused('not_packed', { name: `${name}.scales`, got: shown(scale) });
    return scale;
  });
}

/**
 * A tensor from its packed form {shape, scales, steps}: a vector as a Float32Array, a matrix as a list of them. A row
 * is its steps, each a digit of base64, times its scale, which is the upper half of a float32.
 */
function unpackOne({ shape, scales, steps }, name) {
  const [rows, columns] = shape.length === 1 ? [1, shape[0]] : shape;
  if (typeof steps !== 'string' || steps.length !== rows * columns || !/^[A-Za-z0-9+/]*$/.test(steps)) {
    throw new Refused('not_packed', { name: `${name}.steps`, got: shown(steps) });
  }
  const matrix = readScales(scales, name, rows).map((scale, row) =>
    Float32Array.from({ length: columns }, (_, column) => scale * VALUES.get(steps[row * columns + column])));
  return shape.length === 1 ? matrix[0] : matrix;
}

/**
 * Tensors by name, checked.
 *
 * @param {object} packed the trait
 * @param {Object<string, number[]>} shapes what must be there: name -> shape
 */
export function unpack(packed, shapes) {
  const tensors = {};
  for (const [name, shape] of Object.entries(shapes)) {
    const parts = packed?.[name];
    if (String(parts?.shape) !== String(shape)) {
      throw new Refused('not_packed', { name: `weights.${name}.shape`, got: `${shown(parts?.shape)}, not [${shape}]` });
    }
    tensors[name] = unpackOne(parts, `weights.${name}`);
  }
  return tensors;
}
