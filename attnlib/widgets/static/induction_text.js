// The text of InductionLab: a button for each sign, below it how probable the sign was before it stood there.

import { fixed, html, onKeys, say, set, write } from './common.js';

/** Returns the function that draws the signs; a place behind the end chooses the last one of whatever is typed. */
export function drawText(parent, { most }, words, choose) {
  const row = html('div', { class: 'attn-induction-text', role: 'radiogroup', 'aria-label': words.places }, parent);
  html('p', { class: 'attn-note' }, parent, words.text_note);
  let [before, cells, now] = ['', [], 0];
  const pick = (i) => choose(i >= cells.length - 1 ? most - 1 : i);
  const step = (by) => () => {
    const next = Math.min(Math.max(now + by, 0), cells.length - 1);
    pick(next);
    cells[next].focus();
  };
  onKeys(row, {
    ArrowLeft: step(-1), ArrowUp: step(-1), ArrowRight: step(1), ArrowDown: step(1), Home: step(-Infinity), End: step(Infinity),
  });
  return ({ signs, expected }, at) => {
    const key = signs.join('');
    if (key !== before) {
      row.replaceChildren();
      cells = signs.map((sign, i) => {
        const cell = html('button', { type: 'button', role: 'radio', class: 'attn-induction-sign' }, row, sign);
        cell.addEventListener('click', () => pick(i));
        return cell;
      });
    }
    [before, now] = [key, at];
    cells.forEach((cell, i) => {
      const probability = i ? fixed(expected[i]) : words.first;
      set(cell, {
        'aria-checked': i === at, tabindex: i === at ? 0 : -1, 'aria-label': say(words.place, { i, sign: signs[i], probability }), title: probability,
      });
      cell.style.setProperty('--attn-share', i ? expected[i].toFixed(3) : 0);
    });
  };
}

/** The most probable signs to follow a place: a bar for each. */
export function drawNext(parent, words, count) {
  const place = html('div', { class: 'attn-induction-after' }, parent);
  const title = html('p', { class: 'attn-title' }, place);
  const list = html('div', { class: 'attn-induction-next', role: 'list' }, place);
  const rows = Array.from({ length: count }, () => {
    const row = html('div', { class: 'attn-induction-candidate', role: 'listitem' }, list);
    const [sign, track, number] = ['sign-of', 'track', 'number'].map((part) => html('span', { class: `attn-induction-${part}` }, row));
    html('span', { class: 'attn-induction-bar' }, track);
    return { row, sign, number };
  });
  const note = html('p', { class: 'attn-note' }, place);
  return (heading, best, odds, signs, follows) => {
    write(title, heading);
    set(list, { 'aria-label': heading });
    rows.forEach(({ row, sign, number }, i) => {
      row.hidden = i >= best.length;
      if (row.hidden) return;
      write(sign, signs[best[i]]);
      write(number, fixed(odds[best[i]]));
      row.classList.toggle('attn-induction-true', signs[best[i]] === follows);
      row.style.setProperty('--attn-share', odds[best[i]].toFixed(3));
    });
    write(note, follows === undefined ? '' : say(words.follows, { sign: follows }));
  };
}
