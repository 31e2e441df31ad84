// CacheLab: a text written with a key-value cache, step by step, beside the same text without one; see cache_lab.py.

import { fixed, html, liveFigure, readWhole, say, write } from './common.js';
import { BUGS, generate, positions } from './cache_lab_model.js';
import { badge, colorOf } from './heads.js';
import { readTranslator, symbolOf, translate } from './translator_model.js';
import { drawExamples, readExamples, readText, split } from './typed.js';

const BYTES = 4; // of a float32
const ABOUT = ['about_none', 'about_position', 'about_rotary', 'about_twice', 'about_upper_left', 'about_forget', 'about_stale'];
const SAME = 1e-4; // differences below are rounding

// --- what is shown -----------------------------------------------------------------------------

function readStructure(model, limits) {
  return {
    examples: readExamples(model),
    before: split(readText(model, 'before'), limits.most).characters,
    translator: readTranslator((name) => model.get(name), limits),
  };
}

const readLive = (model, { limits }) => ({
  text: readText(model, 'text'),
  bug: readWhole(model, 'bug', 0, BUGS.length - 1),
  step: readWhole(model, 'step', 1, limits.steps),
});

/** Everything there is to say about a text: it depends on the text and the bug alone. */
export function consider({ translator, before, limits }, { text, bug }) {
  const { characters, left } = split(text, limits.most);
  if (!characters.length) return { characters, left, bug: BUGS[bug] };
  const right = translate(translator, characters);
  return { characters, left, bug: BUGS[bug], right: right.made, ...generate(translator, characters, BUGS[bug], before) };
}

/** For the tests. */
export function numbersOf({ translator }, { text, step }, { bug, characters, right = [], made = [], off = [], steps = [] }) {
  const at = Math.min(step, made.length) - 1;
  const { slots = [], weights = [], held = 0 } = steps[at] ?? {};
  return {
    text, bug, step, right, made, off, slots,
    read: characters.join(''),
    weights: weights.map((row) => [...row]),
    bytes: 2 * held * translator.width * BYTES,
  };
}

// --- how it is shown -----------------------------------------------------------------------------

function drawTable(parent, title, label) {
  const heading = html('p', { class: 'attn-title' }, parent, title);
  const scroll = html('div', { class: 'attn-cache-scroll', role: 'region', tabindex: 0, 'aria-label': label }, parent);
  const table = html('table', { class: 'attn-table attn-cache-table' }, scroll);
  /** Rows of [heading, cells], a cell being a text or [text, class, further text]. */
  const fill = (rows) => {
    table.replaceChildren();
    const body = html('tbody', {}, table);
    for (const [name, cells, head] of rows) {
      const row = html('tr', { class: head === undefined ? '' : colorOf(head, head + 1) }, body);
      const first = html('th', { scope: 'row' }, row, `${name} `);
      if (head !== undefined) badge(first, head);
      for (const each of cells) {
        const [text, kind, weight] = [each].flat();
        const cell = html('td', { class: kind ?? '' }, row, text);
        if (weight !== undefined) cell.style.setProperty('--attn-weight', weight.toFixed(3));
      }
    }
  };
  return { heading, fill };
}

function draw(root, structure, { words, put }) {
  const { examples, translator, limits } = structure;
  const chooseText = drawExamples(root, examples, words, (text) => put({ text }));
  const note = html('p', { class: 'attn-note attn-cache-note' }, root);
  const parts = html('div', {}, root);
  const about = html('p', { class: 'attn-cache-about' }, parts);
  const texts = drawTable(parts, words.texts, words.texts);
  const verdict = html('p', { class: 'attn-cache-verdict' }, parts);
  const kept = drawTable(parts, '', words.kept);
  const cost = html('p', { class: 'attn-note' }, parts);
  const shownAs = (id) => symbolOf(translator, id, words);
  let [before, seen] = ['', null];
  return (now) => {
    const key = JSON.stringify([now.bug, now.text]);
    if (key !== before) [before, seen] = [key, consider(structure, now)];
    chooseText(now.text);
    write(note, remarks(seen, limits, words));
    parts.hidden = !seen.made;
    const numbers = numbersOf(structure, now, seen);
    if (parts.hidden) return { numbers, told: words.empty };
    const { bug, fed, made, right, off, steps } = seen;
    const at = Math.min(now.step, made.length) - 1;
    const wrong = (i) => (made[i] === right[i] ? '' : 'attn-cache-wrong');
    write(about, say(words[ABOUT[now.bug]], { before: structure.before.join('') }));
    const upTo = (cells) => cells.map((cell, i) => (i > at ? '' : cell)); // what is yet to come has its place
    texts.fill([
      [words.fed, upTo(fed.map(shownAs))],
      [words.without, upTo(fed.map((_, i) => (i < right.length ? shownAs(right[i]) : '')))],
      [words.with, upTo(made.map((id, i) => [`${shownAs(id)}${wrong(i) ? ' ≠' : ''}`, wrong(i)]))],
      [words.off, upTo(off.map((each) => [fixed(each, each < 10 ? 1 : 0), each > SAME ? 'attn-cache-wrong' : 'attn-cache-quiet']))],
    ]);
    const { slots, old, weights, held } = steps[at];
    const told = tell(seen, at, shownAs, words);
    write(verdict, told);
    write(kept.heading, say(words.slots, { symbol: shownAs(fed[at]) }));
    const [sinusoids, turns] = [0, 1].map((which) => slots.map((_, place) => {
      const position = positions(bug, place)[which];
      return [position, position === place ? '' : 'attn-cache-wrong'];
    }));
    kept.fill([
      [words.slot, slots.map((id, place) => [shownAs(id), place < old ? 'attn-cache-old' : ''])],
      [words.sinusoid, sinusoids],
      [words.turn, turns],
      ...weights.map((row, head) => [words.head, [...row].map((weight, place) =>
        (bug === 'upper_left' && place ? ['×', 'attn-cache-quiet'] : [fixed(weight), 'attn-cache-weight', weight])), head]),
    ]);
    const bytes = 2 * held * translator.width * BYTES;
    write(cost, say(words.cost, { held, bytes, width: translator.width, fed: at + 1, anew: ((at + 1) * (at + 2)) / 2 }));
    return { numbers, told };
  };
}

function remarks({ characters, left }, { most }, words) {
  if (!characters.length) return words.empty;
  return left ? say(words.cut, { most }) : '';
}

function tell({ made, right, off }, at, shownAs, words) {
  const text = (ids) => ids.slice(0, at + 1).map(shownAs).join('');
  const differs = made.slice(0, at + 1).findIndex((id, i) => id !== right[i]);
  const most = Math.max(...off.slice(0, at + 1));
  const facts = { made: text(made), right: text(right), off: fixed(most), step: differs + 1 };
  return say(differs >= 0 ? words.differs : most > SAME ? words.hidden : words.same, facts);
}

export default liveFigure({
  structure: ['weights', 'characters', 'symbols', 'examples', 'before'],
  live: ['text', 'bug', 'step'],
  readStructure,
  readLive,
  draw,
});
