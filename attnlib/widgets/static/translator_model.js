// What the figures of chapter 9 compute: an encoder reads a text, a decoder writes another, character by character.
// In Python: translator_model.py.

import { Refused, shown } from './common.js';
import { strongest } from './heads.js';
import { addRows, block, causal, embed, linear, norm, sinusoids } from './transformer.js';
import { unpack } from './weights.js';

const [UNKNOWN, START, END, FIRST] = [0, 1, 2, 3]; // rows of both embeddings; from FIRST on there is a row for each character

const attention = (name, width) => ({
  [`${name}.in_proj.weight`]: [3 * width, width],
  [`${name}.in_proj.bias`]: [3 * width],
  [`${name}.out_proj.weight`]: [width, width],
  [`${name}.out_proj.bias`]: [width],
});
const gain = (name, width) => ({ [`${name}.weight`]: [width], [`${name}.bias`]: [width] });
const blockShapes = (name, parts, width, hidden) => Object.assign({
  [`${name}.feed_forward.linear1.weight`]: [hidden, width],
  [`${name}.feed_forward.linear1.bias`]: [hidden],
  [`${name}.feed_forward.linear2.weight`]: [width, hidden],
  [`${name}.feed_forward.linear2.bias`]: [width],
  ...gain(`${name}.feed_forward_norm`, width),
}, ...parts.map((part) => ({ ...attention(`${name}.${part}`, width), ...gain(`${name}.${part}_norm`, width) })));

/** Names and shapes of the weights. */
export const shapes = (characters, symbols, width, hidden) => ({
  'source.weight': [FIRST + characters, width],
  ...blockShapes('encoder', ['self_attention'], width, hidden),
  ...gain('encoder_norm', width),
  'target.weight': [FIRST + symbols, width],
  ...blockShapes('decoder', ['self_attention', 'cross_attention'], width, hidden),
  ...gain('decoder_norm', width),
  'output.weight': [FIRST + symbols, width],
  'output.bias': [FIRST + symbols],
});

function readCharacters(get, name) {
  const text = get(name);
  if (typeof text !== 'string' || !text) throw new Refused('characters', { name, got: shown(text) });
  return [...text];
}

/** The model, checked, out of the traits. */
export function readTranslator(get, limits) {
  const [characters, symbols] = ['characters', 'symbols'].map((name) => readCharacters(get, name));
  const size = (name) => get('weights')?.[name]?.shape?.[0];
  const [width, hidden] = [size('encoder_norm.weight'), size('encoder.feed_forward.linear1.bias')];
  if (!Number.isInteger(width) || width % (2 * limits.heads)) {
    throw new Refused('width', { heads: limits.heads, got: shown(width) });
  }
  const tensors = unpack(get('weights'), shapes(characters.length, symbols.length, width, hidden));
  const ids = new Map(characters.map((character, i) => [character, FIRST + i]));
  return { ...limits, width, tensors, ids, symbols };
}

/** How an id of the text that is written is shown: ends have signs. */
export const symbolOf = ({ symbols }, id, words) => symbols[id - FIRST] ?? [words.blank, words.begin, words.end][id];

/** Rows of a table, at places from `offset` on. */
const placed = ({ tensors, width, base }, table, ids, offset = 0) =>
  addRows(embed(ids, tensors[table]), sinusoids(ids.length, width, base, offset));

/** What the encoder makes of a text, a row for each character. */
export function encode(translator, characters) {
  const { tensors, heads, rotary, ids } = translator;
  const x = placed(translator, 'source.weight', characters.map((each) => ids.get(each) ?? UNKNOWN));
  return norm(tensors, 'encoder_norm', block(tensors, 'encoder', x, { heads, base: rotary }).x);
}

/**
 * Scores of what follows each token.
 *
 * @param {number[]} tokens what stands there, as ids, START in front
 * @param {Array} memory what `encode` has returned
 * @param {object} [options] those of `block` but for `memory` and `heads`, and
 * @param {number} [options.offset] place of the first token
 */
export function decode(translator, tokens, memory, { offset = 0, ...options } = {}) {
  const { tensors, heads, rotary } = translator;
  const x = placed(translator, 'target.weight', tokens, offset);
  const found = block(tensors, 'decoder', x, { heads, base: rotary, may: causal(tokens.length, tokens.length), memory, ...options });
  const scores = linear(norm(tensors, 'decoder_norm', found.x), tensors['output.weight'], tensors['output.bias']);
  return { ...found, scores };
}

/**
 * Let `next(tokens)` score what follows, take the best, and so on until END, or until there is no room.
 *
 * @returns {{fed: number[], made: number[]}} the tokens that were asked about, and what followed each of them
 */
export function greedy({ steps }, next) {
  const [fed, made] = [[START], []];
  for (;;) {
    made.push(strongest(next(fed)));
    if (made.at(-1) === END || made.length === steps) return { fed, made };
    fed.push(made.at(-1));
  }
}

/** Translate a text, all of it anew for each character; `crossOn`: which heads of cross-attention are on. */
export function translate(translator, characters, crossOn) {
  const memory = encode(translator, characters);
  const all = (fed) => decode(translator, fed, memory, { crossOn });
  const { fed, made } = greedy(translator, (tokens) => all(tokens).scores.at(-1));
  const { scores, crossWeights } = all(fed);
  return { memory, fed, made, scores, weights: crossWeights };
}
