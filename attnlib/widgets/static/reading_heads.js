// Where each head of PhraseReader looks from the chosen character: a column for each, a row for each character.

import { fixed, html, say, set, write } from './common.js';
import { drawSwitch } from './head_switches.js';
import { colorOf } from './heads.js';

const SLIGHT = 0.05; // smaller weights are written in grey

export function drawHeads(parent, { heads, most }, words, toggle) {
  const place = html('div', {}, parent);
  const title = html('p', { class: 'attn-title' }, place);
  const scroll = html('div', { class: 'attn-heads attn-heads-roomy attn-reading-scroll', role: 'region', tabindex: 0, 'aria-label': words.table }, place);
  const table = html('table', { class: 'attn-table attn-heads-table' }, scroll);
  const top = html('tr', {}, html('thead', {}, table));
  html('td', { class: 'attn-heads-key' }, top);
  const boxes = Array.from({ length: heads }, (_, head) => {
    const cell = html('th', { scope: 'col', class: colorOf(head, heads) }, top);
    return drawSwitch(cell, head, words, toggle);
  });
  const body = html('tbody', {}, table);
  const rows = Array.from({ length: most + 2 }, () => drawRow(body, heads)); // the longest phrase, and its ends
  html('p', { class: 'attn-note' }, place, words.heads_note);

  return ({ characters, at, weights, window, on }) => {
    write(title, say(words.looks, { character: characters[at] }));
    boxes.forEach((box, head) => { box.checked = on[head]; });
    const keys = [words.begin, ...characters, words.end];
    rows.forEach(({ row, key, cells }, j) => {
      row.hidden = j >= keys.length;
      if (row.hidden) return;
      write(key, keys[j]);
      row.classList.toggle('attn-reading-self', j === at + 1);
      key.classList.toggle('attn-reading-end', j === 0 || j === keys.length - 1);
      const far = Math.abs(j - at - 1) > window;
      cells.forEach((cell, head) => {
        const weight = weights[head][at + 1][j];
        write(cell, far ? '×' : on[head] ? fixed(weight) : '–');
        cell.classList.toggle('attn-heads-masked', far);
        cell.classList.toggle('attn-heads-small', !far && (!on[head] || weight < SLIGHT));
        if (far) set(cell, { 'aria-label': words.far });
        else cell.removeAttribute('aria-label');
        cell.style.setProperty('--attn-weight', on[head] ? weight.toFixed(3) : 0);
      });
    });
  };
}

function drawRow(body, heads) {
  const row = html('tr', {}, body);
  const key = html('th', { scope: 'row', class: 'attn-heads-key' }, row);
  return { row, key, cells: Array.from({ length: heads }, (_, head) => html('td', { class: colorOf(head, heads) }, row)) };
}
