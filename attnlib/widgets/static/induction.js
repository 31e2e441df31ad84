// InductionLab: a text, how a model of attention alone goes on from each sign, and where its heads look; see induction.py.

import { fixed, html, liveFigure, readWhole, say, write } from './common.js';
import { readSwitches } from './head_switches.js';
import { drawLayers, lookOf } from './induction_maps.js';
import { goOn, periodOf, readInduction, reorder } from './induction_model.js';
import { drawNext, drawText } from './induction_text.js';
import { drawExamples, readExamples, readText, split, visibleCharacter } from './typed.js';

const SHOWN = 5; // signs that may follow

// --- what is shown -----------------------------------------------------------------------------

const readStructure = (model, limits) =>
  ({ examples: readExamples(model), induction: readInduction((name) => model.get(name), limits) });

const readLive = (model, { limits }) => ({
  text: readText(model, 'text'),
  order: readWhole(model, 'order', 0, limits.orders),
  at: readWhole(model, 'at', 0, limits.most - 1),
  on: readSwitches(model, limits.layers * limits.heads),
});

/** Everything there is to say about a text: it depends on the text, the order of its copies, and the heads that are on. */
export function consider({ induction, limits }, { text, order, on }) {
  const { characters } = split(text, Infinity);
  const known = characters.filter((each) => induction.ids.has(each));
  const unknown = [...new Set(characters.filter((each) => !induction.ids.has(each)))];
  const typed = known.slice(0, limits.most);
  const signs = reorder(typed, order);
  const found = signs.length ? goOn(induction, signs, on) : { scores: [], odds: [], weights: [] };
  const expected = signs.map((sign, i) => (i ? found.odds[i - 1][induction.ids.get(sign)] : 1));
  return { signs, unknown, left: known.length - typed.length, period: periodOf(typed), expected, ...found };
}

/** For the tests. */
export function numbersOf({ text, order, at, on }, { signs, scores, odds, weights, expected }) {
  const place = Math.min(at, signs.length - 1);
  const written = signs.length > 0;
  return {
    text, order, at, on, expected,
    signs: signs.join(''),
    scores: written ? [place, signs.length - 1].map((i) => [...scores[i]]) : [],
    odds: written ? [place, signs.length - 1].map((i) => odds[i]) : [],
    weights: written ? weights.map((layer) => layer.map((head) => [...head[place]])) : [],
  };
}

/** Rows of the largest entries, the largest first. */
export const largest = (row, count) => [...row.keys()].sort((a, b) => row[b] - row[a]).slice(0, count);

// --- how it is shown -----------------------------------------------------------------------------

function draw(root, structure, { words, model, put }) {
  const { examples, induction, limits } = structure;
  const { signs: alphabet } = induction;
  const choose = (at) => put({ at: Math.min(Math.max(at, 0), limits.most - 1) });
  const toggle = (head) => put({ on: model.get('on').map((each, i) => (i === head ? !each : each)) });
  const chooseText = drawExamples(root, examples, words, (text) => put({ text }));
  const note = html('p', { class: 'attn-note attn-induction-note' }, root);
  const parts = html('div', {}, root);
  const columns = html('div', { class: 'attn-induction-columns' }, parts);
  const [left, right] = [0, 1].map(() => html('div', {}, columns));
  const drawSigns = drawText(left, limits, words, choose);
  const [after, last] = [drawNext(left, words, SHOWN), drawNext(right, words, SHOWN)];
  const layers = drawLayers(parts, limits, words, choose, toggle);
  const nameOf = (i) => `${say(words.layer, { layer: Math.floor(i / limits.heads) })}, ${words.head} ${i % limits.heads}`;
  let [before, seen] = ['', null];
  return (now) => {
    const key = JSON.stringify([now.text, now.order, now.on]);
    if (key !== before) [before, seen] = [key, consider(structure, now)];
    const numbers = numbersOf(now, seen);
    const { signs, odds } = seen;
    chooseText(now.text);
    write(note, remarks(seen, now, limits, words));
    parts.hidden = !signs.length;
    if (parts.hidden) return { numbers, told: words.empty };
    const end = signs.length - 1;
    const at = Math.min(now.at, end);
    drawSigns(seen, at);
    const text = (i) => signs.slice(Math.max(0, i - 5), i + 1).join('');
    const heading = (i) => say(words.next, { text: `${i > 5 ? '…' : ''}${text(i)}` });
    const best = (i) => largest(odds[i], SHOWN);
    left.lastChild.hidden = at === end; // the same as on the right
    after(heading(at), best(at), odds[at], alphabet, signs[at + 1]);
    last(heading(end), best(end), odds[end], alphabet);
    layers(seen, at, now.on);
    const [first] = best(at);
    const looks = numbers.weights.flat().map((row, i) => `${nameOf(i)}: ${now.on[i] ? lookOf(signs, row, at, words) : words.off}`);
    return { numbers, told: `${signs.slice(0, at + 1).join('')} → ${alphabet[first]} ${fixed(odds[at][first])}. ${looks.join('; ')}.` };
  };
}

function remarks({ signs, unknown, left, period }, { order }, { most }, words) {
  if (!signs.length) return words.empty;
  return [
    unknown.length ? say(words.unknown, { signs: unknown.slice(0, 8).map(visibleCharacter).join(' ') }) : '',
    left ? say(words.cut, { most }) : '',
    order ? say(period > 1 && period < signs.length ? words.shuffled : words.no_copy, { period }) : '',
  ].filter(Boolean).join(' ');
}

export default liveFigure({
  structure: ['weights', 'signs', 'examples'],
  live: ['text', 'order', 'at', 'on'],
  readStructure,
  readLive,
  draw,
});
