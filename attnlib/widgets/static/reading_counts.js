// What the look-up of PhraseReader has counted around the chosen character, and which of it decides.

import { html, say, write } from './common.js';

export function drawCounted(parent, words) {
  const place = html('div', {}, parent);
  const title = html('p', { class: 'attn-title' }, place);
  const scroll = html('div', { class: 'attn-reading-scroll', role: 'region', tabindex: 0, 'aria-label': words.counts }, place);
  const table = html('table', { class: 'attn-table attn-reading-counts' }, scroll);
  const verdict = html('p', { class: 'attn-reading-verdict' }, place);
  html('p', { class: 'attn-note' }, place, words.counts_note);

  return ({ characters, at, names, counted }) => {
    const character = characters[at];
    const [left, right] = [characters[at - 1] ?? words.begin, characters[at + 1] ?? words.end];
    const { places, reading } = counted[at];
    write(title, say(words.has_counted, { character }));
    table.replaceChildren();
    const top = html('tr', {}, html('thead', {}, table));
    html('th', { scope: 'col' }, top, words.where);
    for (const name of names[at]) html('th', { scope: 'col' }, top, name);
    const body = html('tbody', {}, table);
    for (const each of places) {
      const row = html('tr', { class: each.decides ? 'attn-reading-decides' : '' }, body);
      html('th', { scope: 'row' }, row, `${each.decides ? '▸ ' : ''}${say(words[each.place], { left, right })}`);
      for (const count of each.counts) html('td', {}, row, count);
    }
    const { place: decides } = places.find((each) => each.decides);
    write(verdict, say(words.verdict, { place: say(words[decides], { left, right }), reading: names[at][reading] }));
  };
}
