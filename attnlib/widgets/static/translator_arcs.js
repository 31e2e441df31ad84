// The two texts of DateTranslator: above the one that is read, below the one that is written, between them the weights of cross-attention.

import { html, onKeys, set, svg } from './common.js';
import { colorOf, dash } from './heads.js';
import { visibleCharacter } from './typed.js';

const VISIBLE = 0.05; // smaller weights have no arc
const SIZES = 10; // widths of an arc
const HEIGHT = 10; // SVG units

/** Paths of a head's arcs to the characters, one for each size, from a place below to places above. */
export function arcsOf(weights, from, shift) {
  const parts = Array.from({ length: SIZES + 1 }, () => '');
  weights.forEach((weight, j) => {
    const to = (j + 0.5 + shift).toFixed(2);
    const middle = HEIGHT / 2;
    if (weight >= VISIBLE) parts[Math.round(weight * SIZES)] += `M${from},${HEIGHT}C${from},${middle} ${to},${middle} ${to},0`;
  });
  return parts;
}

/** Returns the function that draws both texts and the arcs of the character `at`. */
export function drawArcs(parent, { heads }, words, shownAs, choose) {
  const scroll = html('div', { class: 'attn-translator-scroll', role: 'region', tabindex: 0, 'aria-label': words.arcs }, parent);
  const place = html('div', { class: 'attn-translator-texts' }, scroll);
  const source = html('div', { class: 'attn-translator-source', role: 'img' }, place);
  const drawing = svg('svg', { class: 'attn-translator-arcs', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, place);
  const target = html('div', { class: 'attn-translator-target', role: 'radiogroup', 'aria-label': words.written }, place);
  const groups = Array.from({ length: heads }, (_, head) => {
    const group = svg('g', { class: colorOf(head, heads), 'stroke-dasharray': dash(head, heads) }, drawing);
    const paths = Array.from({ length: SIZES + 1 }, (__, size) => svg('path', {
      'vector-effect': 'non-scaling-stroke',
      'stroke-width': 1 + (5 * size) / SIZES,
      'stroke-opacity': 0.25 + (0.65 * size) / SIZES,
    }, group));
    return { group, paths };
  });
  let [before, above, below, now] = ['', [], [], 0];
  const step = (by) => () => {
    const next = Math.min(Math.max(now + by, 0), below.length - 1);
    choose(next);
    below[next].focus();
  };
  onKeys(target, {
    ArrowLeft: step(-1), ArrowUp: step(-1), ArrowRight: step(1), ArrowDown: step(1), Home: step(-Infinity), End: step(Infinity),
  });

  function rebuild({ characters, known, made }) {
    source.replaceChildren();
    target.replaceChildren();
    set(source, { 'aria-label': characters.join('') });
    above = characters.map((each, j) => html('span', { class: known[j] ? '' : 'attn-translator-unknown' }, source, visibleCharacter(each)));
    below = made.map((id, i) => {
      const button = html('button', { type: 'button', role: 'radio', 'aria-label': `${i}: ${shownAs(id)}` }, target, shownAs(id));
      button.addEventListener('click', () => choose(i));
      return button;
    });
  }

  return (seen, at, on) => {
    const { characters, made, weights } = seen;
    const key = JSON.stringify([characters, made]);
    if (key !== before) rebuild(seen);
    [before, now] = [key, at];
    scroll.hidden = !made.length;
    if (scroll.hidden) return;
    const columns = characters.length;
    place.style.setProperty('--attn-columns', columns);
    set(drawing, { viewBox: `0 0 ${columns} ${HEIGHT}` });
    below.forEach((button, i) => set(button, { 'aria-checked': i === at, tabindex: i === at ? 0 : -1 }));
    const from = (((at + 0.5) * columns) / made.length).toFixed(2);
    groups.forEach(({ group, paths }, head) => {
      set(group, { display: on[head] ? 'inline' : 'none' });
      const lane = (head - (heads - 1) / 2) * 0.12; // arcs to one character end side by side
      const arcs = arcsOf(weights[head][at], from, lane);
      paths.forEach((path, size) => set(path, { d: arcs[size] }));
    });
    const most = (j) => Math.max(0, ...weights.map((head, h) => (on[h] ? head[at][j] : 0)));
    above.forEach((cell, j) => cell.style.setProperty('--attn-weight', most(j).toFixed(3)));
  };
}
