// PhraseReader: a phrase read by a trained model and by a count, and where each head looks; see reading.py.

import { fixed, html, liveFigure, readWhole, say, write } from './common.js';
import { readSwitches } from './head_switches.js';
import { strongest } from './heads.js';
import { drawCounted } from './reading_counts.js';
import { drawHeads } from './reading_heads.js';
import { lookUp, read, readModel } from './reading_model.js';
import { drawPhraseRead } from './reading_phrase.js';
import { drawExamples, readExamples, readText, split } from './typed.js';

// --- what is shown -----------------------------------------------------------------------------

function readStructure(model, limits) {
  return { examples: readExamples(model), reader: readModel((name) => model.get(name), limits) };
}

function readLive(model, { limits }) {
  return {
    phrase: readText(model, 'phrase'),
    on: readSwitches(model, limits.heads),
    chosen: readWhole(model, 'chosen', 0, limits.most),
    window: readWhole(model, 'window', 0, limits.most + 1),
  };
}

/** Everything there is to say about a phrase. */
export function consider(reader, limits, { phrase, chosen, window, on }) {
  const { characters, left } = split(phrase, limits.most);
  const found = read(reader, characters, { window, on });
  const several = [...characters.keys()].filter((i) => found.readings[i]);
  return {
    ...found,
    characters,
    left,
    window,
    on,
    several,
    // Whatever was typed, a character that has several readings is the chosen one, if there is any.
    at: several.includes(chosen) ? chosen : several.at(-1),
    names: characters.map((character) => reader.readings.get(character)?.map(({ name }) => name)),
    counted: characters.map((character, i) => (found.readings[i] ? lookUp(reader, characters, i) : null)),
  };
}

// --- how it is shown -----------------------------------------------------------------------------

function draw(root, { examples, reader, limits }, { words, model, put }) {
  const choose = (chosen) => put({ chosen });
  const toggle = (head) => put({ on: model.get('on').map((each, i) => (i === head ? !each : each)) });
  const choosePhrase = drawExamples(root, examples, words, (phrase) => put({ phrase }));
  const phraseRead = drawPhraseRead(root, words, choose);
  const note = html('p', { class: 'attn-note attn-reading-note' }, root);
  const parts = html('div', { class: 'attn-reading-parts' }, root);
  const heads = drawHeads(parts, limits, words, toggle);
  const counted = drawCounted(parts, words);
  return (now) => {
    const seen = consider(reader, limits, now);
    choosePhrase(now.phrase);
    phraseRead(seen);
    write(note, remarks(seen, limits, words));
    parts.hidden = seen.at === undefined;
    if (!parts.hidden) {
      heads(seen);
      counted(seen);
    }
    return { numbers: numbersOf(seen), told: tell(seen, words) };
  };
}

function remarks({ characters, several, known, left }, { most }, words) {
  if (!characters.length) return words.empty;
  return [
    several.length ? '' : words.none,
    known.includes(false) ? words.unknown : '',
    left ? say(words.cut, { most }) : '',
  ].filter(Boolean).join(' ');
}

/** For the tests: a character that has one reading has empty lists. */
export const numbersOf = ({ characters, at = -1, window, on, scores, readings, weights, counted }) => ({
  phrase: characters.join(''),
  at,
  window,
  on,
  scores: scores.map((each) => each ?? []),
  readings: readings.map((each) => each ?? []),
  counted: counted.map((each) => (each ? [each.reading, ...each.places.map(({ counts }) => counts)] : [])),
  weights: at < 0 ? [] : weights.map((head) => [...head[at + 1]]),
});

function tell(seen, words) {
  const { characters, several, at, names, readings, counted, weights, on } = seen;
  if (at === undefined) return characters.length ? words.none : words.empty;
  const read = several.map((i) => {
    const best = strongest(readings[i]);
    return `${characters[i]}: ${names[i][best]} ${fixed(readings[i][best])}, ${words.counted}: ${names[i][counted[i].reading]}`;
  });
  const tokens = [words.begin, ...characters, words.end];
  const looks = weights.map((head, h) => {
    const key = strongest(head[at + 1]);
    return `${words.head} ${h}: ${on[h] ? `${tokens[key]} ${fixed(head[at + 1][key])}` : words.off}`;
  });
  return `${read.join('; ')}. ${characters[at]} → ${looks.join(', ')}.`;
}

export default liveFigure({
  structure: ['weights', 'characters', 'readings', 'counts', 'examples'],
  live: ['phrase', 'chosen', 'window', 'on'],
  readStructure,
  readLive,
  draw,
});
