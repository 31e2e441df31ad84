// The heat maps of MultiHeadView: one for each head, one for their mean.

import { html, say } from './common.js';
import { drawMap } from './heat_map.js';
import { badge, colorOf, MOST_LABELS, sample } from './heads.js';

/** A heat map for each head and one for their mean, with the row of the query framed in all of them. */
export function drawMaps(parent, { names, queries, keys, matrices, masked }, words, titles, choose, toggle) {
  const labelled = Math.max(queries.length, keys.length) <= MOST_LABELS && [...queries, ...keys].every((token) => token.length <= 2);
  const size = say(words.map, { q: queries.length, k: keys.length });
  const grid = html('div', { class: 'attn-heads-maps' }, parent);
  const maps = matrices.map((matrix, head) => {
    const mean = head === names.length;
    const card = html('div', { class: `attn-heads-card ${colorOf(head, names.length)}` }, grid);
    const title = html('label', { class: 'attn-heads-title' }, card);
    const box = html('input', { type: 'checkbox' }, title);
    box.addEventListener('change', () => toggle(head));
    title.append(mean ? words.mean : words.head);
    if (!mean) badge(title, head);
    const caption = html('div', { class: 'attn-heads-caption' }, card);
    sample(caption, head, names.length);
    if (names[head]) html('span', { class: 'attn-heads-name' }, caption, names[head]);
    const mark = drawMap(card, { queries, keys, matrix, masked, labelled, title: `${titles[head]}: ${size}` }, choose);
    return { box, card, mark };
  });
  html('p', { class: 'attn-note' }, parent, words.note);

  return ({ query, shown }) => maps.forEach(({ box, card, mark }, head) => {
    box.checked = shown[head];
    card.classList.toggle('attn-heads-off', !shown[head]);
    mark(query);
  });
}
