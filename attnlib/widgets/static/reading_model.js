// What PhraseReader computes: the model of chapter 8 on a phrase, and the look-up that has only counted. In Python: reading_model.py.

import { Refused, shown, softmax } from './common.js';
import { addRows, embed, linear, multiHead, norm } from './transformer.js';
import { unpack } from './weights.js';

const [UNKNOWN, BEGIN, END, FIRST] = [0, 1, 2, 3]; // rows of the embedding; from FIRST on there is a row for each character

// --- the model ---------------------------------------------------------------------------------

/** Names and shapes of the weights. */
export const shapes = (characters, readings, width) => ({
  'embed.weight': [FIRST + characters, width],
  'norm.weight': [width],
  'norm.bias': [width],
  'attention.in_proj.weight': [3 * width, width],
  'attention.out_proj.weight': [width, width],
  'final_norm.weight': [width],
  'final_norm.bias': [width],
  'output.weight': [readings, width],
  'output.bias': [readings],
});

/** Character -> its readings with their rows of `output`, from lines such as "乐 lè yuè", with tabs. */
function readReadings(text) {
  const readings = new Map();
  let row = 0;
  for (const line of String(text).split('\n')) {
    const [character, ...names] = line.split('\t');
    if ([...character].length !== 1 || names.length < 2 || names.includes('') || readings.has(character)) {
      throw new Refused('readings', { got: shown(line) });
    }
    readings.set(character, names.map((name) => ({ name, row: row++ })));
  }
  return { readings, rows: row };
}

/** The model and the look-up, checked, out of the traits. */
export function readModel(get, { heads, base }) {
  const { readings, rows } = readReadings(get('readings'));
  const characters = get('characters');
  if (typeof characters !== 'string' || !characters) throw new Refused('characters', { got: shown(characters) });
  const ids = new Map([...characters].map((character, i) => [character, FIRST + i]));
  const width = get('weights')?.['norm.weight']?.shape?.[0];
  if (!Number.isInteger(width) || width % (2 * heads)) throw new Refused('width', { heads, got: shown(width) });
  const tensors = unpack(get('weights'), shapes(ids.size, rows, width));
  return { heads, base, tensors, ids, readings, counts: readCounts(get('counts'), readings) };
}

/**
 * Read a phrase.
 *
 * @param {string[]} phrase its characters
 * @param {{window: number, on: boolean[]}} options how far a position may look; which heads are on
 * @returns {{weights, known, scores, readings}} `weights[head][query][key]` over the beginning, the characters and the
 *   end; for each character whether the model knows it, and of those with several readings the scores and probabilities
 */
export function read({ heads, base, tensors, ids, readings }, phrase, { window, on }) {
  const tokens = [BEGIN, ...phrase.map((character) => ids.get(character) ?? UNKNOWN), END];
  const x = embed(tokens, tensors['embed.weight']);
  const { output, weights } = multiHead(tensors, 'attention', norm(tensors, 'norm', x), {
    heads, base, on, may: (i, j) => Math.abs(i - j) <= window,
  });
  const last = norm(tensors, 'final_norm', addRows(x, output));
  const scores = phrase.map((character, i) => readings.get(character)?.map(
    ({ row }) => linear([last[i + 1]], tensors['output.weight'], tensors['output.bias'], row, row + 1)[0][0],
  ));
  return { weights, known: phrase.map((each) => ids.has(each)), scores, readings: scores.map((each) => each && softmax(each)) };
}

// --- the look-up -------------------------------------------------------------------------------

const PLACES = ['both', 'left', 'right', 'alone']; // from the rarest to the commonest; the first that was counted decides

const keyOf = (place, left, character, right) =>
  [place === 'both' || place === 'left' ? left : '*', character, place === 'both' || place === 'right' ? right : '*'].join(' ');

/**
 * Counts for each place, out of a line for each character and reading: the neighbours, left and right, and how often
 * if more than once, "音$12快$": ^ and $ are the ends.
 */
function readCounts(text, readings) {
  const lines = String(text).split('\n');
  const pairs = [...readings].flatMap(([character, names]) => names.map((_, place) => [character, place, names.length]));
  if (lines.length !== pairs.length) throw new Refused('counts', { count: pairs.length, got: lines.length });
  const counts = Object.fromEntries(PLACES.map((place) => [place, new Map()]));
  lines.forEach((line, i) => {
    if (!/^(?:\D\D\d*)*$/u.test(line)) throw new Refused('counts', { count: pairs.length, got: shown(line.slice(0, 20)) });
    const [character, reading, several] = pairs[i];
    for (const [, left, right, digits] of line.matchAll(/(\D)(\D)(\d*)/gu)) {
      for (const place of PLACES) {
        const key = keyOf(place, left === '^' ? '' : left, character, right === '$' ? '' : right);
        if (!counts[place].has(key)) counts[place].set(key, Array(several).fill(0));
        counts[place].get(key)[reading] += Number(digits || 1);
      }
    }
  });
  return counts;
}

/**
 * What was counted around a character of a phrase.
 *
 * @returns {{places: {place, counts, decides}[], reading: number}} how often each reading was counted between both
 *   neighbours, after the left one, before the right one, and anywhere; `reading` is the one that is most frequent in
 *   the first of them where anything was, and among equals the one that is most frequent anywhere
 */
export function lookUp({ counts, readings }, phrase, i) {
  const none = Array(readings.get(phrase[i]).length).fill(0);
  const [left, right] = [phrase[i - 1] ?? '', phrase[i + 1] ?? ''];
  const places = PLACES.map((place) => ({ place, counts: counts[place].get(keyOf(place, left, phrase[i], right)) ?? none }));
  const decides = places.find((each) => each.counts.some(Boolean)) ?? places.at(-1);
  const anywhere = places.at(-1).counts;
  const better = (a, b) => decides.counts[a] - decides.counts[b] || anywhere[a] - anywhere[b];
  const reading = none.reduce((best, _, each) => (better(each, best) > 0 ? each : best), 0);
  return { places: places.map((each) => ({ ...each, decides: each === decides })), reading };
}
