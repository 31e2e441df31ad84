// What a reader types into a figure: it is data, of any length, until it has been split here; and examples to choose from.

import { html, Refused, set, shown } from './common.js';

export function readText(model, name) {
  const text = model.get(name);
  if (typeof text !== 'string') throw new Refused('not_text', { name, got: shown(text) });
  return text;
}

export function readExamples(model) {
  const examples = model.get('examples');
  if (!Array.isArray(examples) || !examples.every((each) => typeof each === 'string')) {
    throw new Refused('not_examples', { got: shown(examples) });
  }
  return examples;
}

/** What is typed, as characters: at most `most` of them, and how many were left out. */
export function split(text, most) {
  const all = [...text.normalize('NFC').trim()];
  return { characters: all.slice(0, most), left: Math.max(0, all.length - most) };
}

/** A character as it can be shown: what has no shape of its own gets one. */
export const visibleCharacter = (character) => (/[\p{C}\p{M}\p{Z}]/u.test(character) ? '␣' : character);

/** Buttons for texts; the one that stands in the field is pressed. */
export function drawExamples(parent, examples, words, choose) {
  const row = html('div', { class: 'attn-typed-examples', role: 'group', 'aria-label': words.examples }, parent);
  row.hidden = !examples.length;
  const buttons = examples.map((text) => {
    // A text of its own, in whatever language: not in that of the page.
    const button = html('button', { type: 'button', class: 'attn-typed-example', lang: '' }, row, text);
    button.addEventListener('click', () => choose(text));
    return button;
  });
  return (text) => buttons.forEach((button, i) => set(button, { 'aria-pressed': examples[i] === text }));
}
