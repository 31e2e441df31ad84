// The phrase of PhraseReader: its characters with their readings.

import { fixed, html, onKeys, set, write } from './common.js';
import { strongest } from './heads.js';
import { visibleCharacter } from './typed.js';

/** Each character; below those that have several readings the probability of each, and what the look-up reads. */
export function drawPhraseRead(parent, words, choose) {
  const row = html('div', { class: 'attn-reading-phrase', role: 'radiogroup', 'aria-label': words.readings }, parent);
  let [before, cells] = ['', []];
  let now = null;
  const step = (by) => () => {
    const { several, at } = now;
    const next = several[Math.min(Math.max(several.indexOf(at) + by, 0), several.length - 1)];
    choose(next);
    cells[next].focus();
  };
  onKeys(row, {
    ArrowLeft: step(-1), ArrowUp: step(-1), ArrowRight: step(1), ArrowDown: step(1), Home: step(-Infinity), End: step(Infinity),
  });
  return (seen) => {
    now = seen;
    const phrase = seen.characters.join('');
    if (phrase !== before) {
      row.replaceChildren();
      cells = seen.characters.map((character, i) => drawCell(row, seen, i, words, () => choose(i)));
      before = phrase;
    }
    row.hidden = !cells.length;
    cells.forEach((cell, i) => cell.update?.(seen, i));
  };
}

function drawCell(row, { characters, known, names }, i, words, choose) {
  const options = names[i];
  const text = visibleCharacter(characters[i]);
  const kind = `attn-reading-cell${known[i] ? '' : ' attn-reading-unknown'}`;
  if (!options) {
    const cell = html('span', { class: kind }, row);
    html('span', { class: 'attn-reading-character' }, cell, text);
    if (!known[i]) html('span', { class: 'attn-hidden' }, cell, words.not_known);
    return cell;
  }
  const cell = html('button', { class: kind, type: 'button', role: 'radio' }, row);
  cell.addEventListener('click', choose);
  html('span', { class: 'attn-reading-character' }, cell, text);
  const lines = options.map((name) => {
    const line = html('span', { class: 'attn-reading-line' }, cell);
    html('span', { class: 'attn-reading-name' }, line, name);
    const number = html('span', {}, line);
    const bar = html('span', { class: 'attn-reading-bar' }, html('span', { class: 'attn-reading-track' }, line));
    return { line, number, bar };
  });
  const other = html('span', { class: 'attn-reading-counted' }, cell);
  cell.update = ({ readings, counted, at }, place) => {
    const shares = readings[place];
    const best = strongest(shares);
    lines.forEach(({ line, number, bar }, each) => {
      line.classList.toggle('attn-reading-best', each === best);
      write(number, fixed(shares[each]));
      bar.style.setProperty('--attn-share', shares[each].toFixed(3));
    });
    const { reading } = counted[place];
    write(other, `${words.counted}: ${options[reading]} ${reading === best ? '=' : '≠'}`);
    set(cell, {
      'aria-checked': place === at,
      tabindex: place === at ? 0 : -1,
      'aria-label': `${characters[place]}: ${options.map((name, each) => `${name} ${fixed(shares[each])}`).join(', ')}; ${words.counted}: ${options[reading]}`,
    });
  };
  return cell;
}
