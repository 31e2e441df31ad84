// DateTranslator: a text that is read, one that is written, and where each head looks meanwhile; see translator.py.

import { fixed, html, liveFigure, readWhole, say, softmax, write } from './common.js';
import { drawSwitch, readSwitches } from './head_switches.js';
import { colorOf, sample, strongest } from './heads.js';
import { drawArcs } from './translator_arcs.js';
import { readTranslator, symbolOf, translate } from './translator_model.js';
import { drawExamples, readExamples, readText, split, visibleCharacter } from './typed.js';

// --- what is shown -----------------------------------------------------------------------------

const readStructure = (model, limits) =>
  ({ examples: readExamples(model), translator: readTranslator((name) => model.get(name), limits) });

const readLive = (model, { limits }) => ({
  text: readText(model, 'text'),
  at: readWhole(model, 'at', 0, limits.steps - 1),
  on: readSwitches(model, limits.heads),
});

/** Everything there is to say about a text: it depends on the text and the heads that are on. */
export function consider({ translator, limits }, { text, on }) {
  const { characters, left } = split(text, limits.most);
  const known = characters.map((each) => translator.ids.has(each));
  return { characters, left, known, ...(characters.length ? translate(translator, characters, on) : { made: [] }) };
}

/** For the tests. */
export function numbersOf({ at, on }, { characters, made, scores, weights }) {
  const place = Math.min(at, made.length - 1);
  const written = made.length > 0;
  return {
    text: characters.join(''), at, on, made,
    scores: written ? [...scores[place]] : [],
    probabilities: written ? softmax([...scores[place]]) : [],
    weights: written ? weights.map((head) => [...head[place]]) : [],
  };
}

// --- how it is shown -----------------------------------------------------------------------------

function draw(root, structure, { words, model, put }) {
  const { examples, translator, limits } = structure;
  const shownAs = (id) => symbolOf(translator, id, words);
  const chooseText = drawExamples(root, examples, words, (text) => put({ text }));
  const note = html('p', { class: 'attn-note attn-translator-note' }, root);
  const arcs = drawArcs(root, limits, words, shownAs, (at) => put({ at }));
  const parts = html('div', { class: 'attn-translator-parts' }, root);
  const heads = drawLooks(parts, limits, words, (head) => put({ on: model.get('on').map((each, i) => (i === head ? !each : each)) }));
  const odds = drawOdds(parts, translator, words, shownAs);
  let [before, seen] = ['', null];
  return (now) => {
    const key = JSON.stringify([now.text, now.on]);
    if (key !== before) [before, seen] = [key, consider(structure, now)];
    const numbers = numbersOf(now, seen);
    const at = Math.min(now.at, seen.made.length - 1);
    chooseText(now.text);
    write(note, remarks(seen, limits, words));
    parts.hidden = !seen.made.length;
    arcs(seen, at, now.on);
    if (parts.hidden) return { numbers, told: words.empty };
    heads(seen, numbers.weights, now.on);
    odds(numbers.probabilities, at, seen);
    const looks = numbers.weights.map((row, head) => `${words.head} ${head}: ${now.on[head] ? lookOf(seen, row) : words.off}`);
    const told = `${seen.characters.join('')} → ${seen.made.map(shownAs).join('')}. ${shownAs(seen.made[at])}: ${looks.join(', ')}.`;
    return { numbers, told };
  };
}

const lookOf = ({ characters }, row) => `${visibleCharacter(characters[strongest(row)])} ${fixed(row[strongest(row)])}`;

function remarks({ characters, known, left }, { most }, words) {
  if (!characters.length) return words.empty;
  return [known.includes(false) ? words.unknown : '', left ? say(words.cut, { most }) : ''].filter(Boolean).join(' ');
}

/** A switch for each head, and the character at which it looks most. */
function drawLooks(parent, { heads }, words, toggle) {
  const place = html('div', {}, parent);
  html('p', { class: 'attn-title' }, place, words.looks);
  const row = html('div', { class: 'attn-translator-heads' }, place);
  const cells = Array.from({ length: heads }, (_, head) => {
    const cell = html('div', { class: `attn-translator-head ${colorOf(head, heads)}` }, row);
    const box = drawSwitch(cell, head, words, toggle);
    sample(cell, head, heads);
    return { box, look: html('span', {}, cell) };
  });
  html('p', { class: 'attn-note' }, place, words.heads_note);
  return (seen, weights, on) => cells.forEach(({ box, look }, head) => {
    box.checked = on[head];
    write(look, on[head] ? lookOf(seen, weights[head]) : words.off);
  });
}

/** A bar for each character that may follow. */
function drawOdds(parent, { symbols }, words, shownAs) {
  const place = html('div', {}, parent);
  const title = html('p', { class: 'attn-title' }, place);
  const row = html('div', { class: 'attn-translator-odds', role: 'list', 'aria-label': words.odds }, place);
  const bars = Array.from({ length: symbols.length + 3 }, (_, id) => {
    const cell = html('div', { class: 'attn-translator-odd', role: 'listitem' }, row);
    const number = html('span', { class: 'attn-translator-number' }, cell);
    html('span', { class: 'attn-translator-bar' }, cell);
    html('span', { class: 'attn-translator-symbol' }, cell, shownAs(id));
    return { cell, number };
  });
  html('p', { class: 'attn-note' }, place, words.odds_note);
  return (probabilities, at, { made }) => {
    const written = made.slice(0, at).map(shownAs).join('');
    write(title, say(words.next, { written: `${words.begin}${written}` }));
    bars.forEach(({ cell, number }, id) => {
      write(number, probabilities[id] >= 0.005 ? fixed(probabilities[id]) : '');
      cell.style.setProperty('--attn-share', probabilities[id].toFixed(3));
      cell.classList.toggle('attn-translator-best', id === made[at]);
    });
  };
}

export default liveFigure({
  structure: ['weights', 'characters', 'symbols', 'examples'],
  live: ['text', 'at', 'on'],
  readStructure,
  readLive,
  draw,
});
