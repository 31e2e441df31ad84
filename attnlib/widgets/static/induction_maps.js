// The heads of InductionLab, layer by layer: a switch, a map of the text against itself, and where the chosen place looks most.

import { fixed, html, say, write } from './common.js';
import { drawSwitch } from './head_switches.js';
import { colorOf, MOST_LABELS, strongest } from './heads.js';
import { drawMap } from './heat_map.js';

const future = (query, key) => key > query;

/** Returns the function that draws the maps anew where text or heads have changed, and frames the chosen place. */
export function drawLayers(parent, { layers, heads }, words, choose, toggle) {
  const place = html('div', { class: 'attn-induction-layers' }, parent);
  const cards = Array.from({ length: layers }, (_, layer) => {
    const title = say(words.layer, { layer });
    const row = html('div', { class: 'attn-induction-layer', role: 'group', 'aria-label': title }, place);
    html('p', { class: 'attn-title' }, row, title);
    const grid = html('div', { class: 'attn-induction-heads' }, row);
    return Array.from({ length: heads }, (__, head) => {
      const index = layer * heads + head;
      const card = html('div', { class: `attn-induction-head ${colorOf(index, layers * heads)}` }, grid);
      const top = html('div', { class: 'attn-induction-top' }, card);
      const name = `${title}, ${words.head} ${head}`;
      const box = drawSwitch(top, head, words, () => toggle(index), { name, color: index });
      return { name, card, box, look: html('span', {}, top), map: html('div', {}, card) };
    });
  }).flat();
  html('p', { class: 'attn-note' }, parent, words.maps_note);
  let [before, marks] = [null, []];
  return (seen, at, on) => {
    const { signs: queries } = seen;
    const labelled = queries.length <= MOST_LABELS;
    const weights = seen.weights.flat();
    if (seen !== before) {
      place.style.setProperty('--attn-columns', labelled ? queries.length + 1 : 0);
      marks = cards.map(({ map, name }, i) => {
        map.replaceChildren();
        const matrix = weights[i].flatMap((row) => [...row]);
        return drawMap(map, { queries, keys: queries, matrix, masked: future, labelled, title: name }, choose);
      });
      before = seen;
    }
    cards.forEach(({ card, box, look }, i) => {
      box.checked = on[i];
      card.classList.toggle('attn-heads-off', !on[i]);
      write(look, on[i] ? lookOf(queries, weights[i][at], at, words) : words.off);
      marks[i](at);
    });
  };
}

/** Where a head looks most: the sign, how far back, and its weight. */
export function lookOf(signs, row, at, words) {
  const key = strongest(row);
  return say(key === at ? words.look_here : words.look, { sign: signs[key], back: at - key, weight: fixed(row[key]) });
}
