// A model's weights out of the text in which they travel: weights.py packs them.

import { Refused, shown } from './common.js';

function bytes(text, name, part) {
  let found;
  try {
    if (typeof text === 'string') found = atob(text);
  } catch { /* no base64: said below */ }
  if (found === undefined) throw new Refused('not_packed', { name: `${name}.${part}`, got: shown(text) });
  return Uint8Array.from(found, (character) => character.charCodeAt(0));
}

/**
 * A tensor from its packed form {shape, scales, steps}: a vector as a Float32Array, a matrix as a list of them.
 * A row is its whole numbers times its scale, which is the upper half of a float32.
 */
function unpackOne(parts, name) {
  const shape = parts?.shape;
  const good = Array.isArray(shape) && [1, 2].includes(shape.length) && shape.every((length) => Number.isInteger(length) && length > 0);
  if (!good) throw new Refused('not_packed', { name: `${name}.shape`, got: shown(shape) });
  const [rows, columns] = shape.length === 1 ? [1, shape[0]] : shape;
  const [halves, steps] = [bytes(parts.scales, name, 'scales'), bytes(parts.steps, name, 'steps')];
  if (halves.length !== 2 * rows) throw new Refused('not_packed', { name: `${name}.scales`, got: halves.length });
  if (steps.length !== rows * columns) throw new Refused('not_packed', { name: `${name}.steps`, got: steps.length });
  const view = new DataView(new ArrayBuffer(4));
  const signed = new Int8Array(steps.buffer);
  const matrix = Array.from({ length: rows }, (_, row) => {
    view.setUint16(2, halves[2 * row] + 256 * halves[2 * row + 1], true);
    const scale = view.getFloat32(0, true);
    if (!Number.isFinite(scale)) throw new Refused('not_packed', { name: `${name}.scales`, got: shown(scale) });
    return Float32Array.from(signed.subarray(row * columns, (row + 1) * columns), (step) => scale * step);
  });
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
