// What CacheLab computes: a text written with a key-value cache that has one of the classic bugs. In Python: cache_lab_model.py.

import { KeyValueCache, rotate } from './transformer.js';
import { decode, encode, greedy, translate } from './translator_model.js';

export const BUGS = ['none', 'position', 'rotary', 'twice', 'upper_left', 'forget', 'stale'];

/** Keys that were turned before they were kept are turned again whenever they are read. */
class TurnedTwice extends KeyValueCache {
  constructor({ width, heads, rotary }) {
    super();
    this.turn = (keys) => rotate(keys, width / heads, rotary);
  }

  append(keys, values) {
    const [all, allValues] = super.append(keys, values);
    return [this.turn(all), allValues];
  }
}

/** The position that sinusoids and rotary give the token in a place of the cache. */
export const positions = (bug, place) =>
  [bug === 'position' ? 0 : place, { rotary: 0, twice: 2 * place }[bug] ?? place];

/**
 * Translate a text with a cache: each step feeds one token.
 *
 * @param {string[]} before characters of the text that was translated before, which the bug "stale" has left in the cache
 * @returns {{fed, made, off, steps}} tokens as `greedy` has them; for each step how far its scores are from those that
 *   are computed anew from the same tokens, and {slots, old, weights, held}: the tokens that were seen, how many of
 *   them are from the text before, weights[head][slot], and how many the cache holds afterwards
 */
export function generate(translator, characters, bug, before) {
  const memory = encode(translator, characters);
  const cache = bug === 'twice' ? new TurnedTwice(translator) : new KeyValueCache();
  const kept = [];
  if (bug === 'stale') {
    const { fed, memory: other } = translate(translator, before);
    decode(translator, fed, other, { cache });
    kept.push(...fed);
  }
  const [old, steps, scores] = [kept.length, [], []];
  const { fed, made } = greedy(translator, (tokens) => {
    const token = tokens.at(-1);
    const lost = bug === 'forget' && tokens.length === 1;
    const found = decode(translator, [token], memory, {
      offset: bug === 'position' ? 0 : cache.length,
      base: bug === 'rotary' ? null : translator.rotary,
      may: bug === 'upper_left' ? (_, key) => key === 0 : undefined,
      cache: lost ? new KeyValueCache() : cache,
    });
    const slots = [...kept, token];
    if (!lost) kept.push(token);
    steps.push({ slots, old, weights: found.selfWeights.map(([row]) => row), held: cache.length });
    scores.push(found.scores[0]);
    return found.scores[0];
  });
  const anew = decode(translator, fed, memory).scores;
  const off = scores.map((row, i) => row.reduce((most, score, c) => Math.max(most, Math.abs(score - anew[i][c])), 0));
  return { fed, made, off, steps };
}
