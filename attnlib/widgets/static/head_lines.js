// One query of MultiHeadView: lines from it to the keys, and the keys with their weights.

import { fixed, html, onKeys, set, svg, write } from './common.js';
import { badge, colorOf, dash, MOST_LABELS, rowOf, strongest } from './heads.js';

const VISIBLE = 0.005; // what is written as 0.00 has no line
const WIDTHS = 30; // widths of a line
const SMALL = 0.05; // smaller weights are written in grey

/** Queries to choose from, lines from the chosen one to the keys, and the keys with their weights. */
export function drawQuery(parent, state, words, titles, choose, chosen) {
  const { queries, keys, matrices } = state;
  const title = html('p', { class: 'attn-title' }, parent);
  const grid = html('div', { class: 'attn-heads-lines' }, parent);
  const rows = Math.max(queries.length, keys.length); // the shorter column stands in the middle
  grid.style.setProperty('--attn-rows', rows);
  const list = drawTokens(grid, queries, (rows - queries.length) / 2, words, choose, chosen);
  const updates = [drawLines(grid, state, rows), drawTable(grid, state, rows, words, titles)];

  let before = {};
  return ({ query, shown }) => {
    write(title, `${words.query} ${query}: ${queries[query]}`);
    list(query);
    matrices.forEach((matrix, head) => {
      if (query === before.query && shown[head] === before.shown[head]) return;
      for (const update of updates) update(head, query, rowOf(matrix, query, keys.length), shown[head]);
    });
    before = { query, shown };
  };
}

function drawTokens(parent, tokens, shift, words, choose, chosen) {
  const list = html('div', { class: 'attn-heads-queries', role: 'radiogroup', 'aria-label': words.query }, parent);
  list.style.setProperty('--attn-shift', shift);
  const radios = tokens.map((token, i) => {
    const radio = html('button', {
      class: 'attn-heads-token', type: 'button', role: 'radio', title: token, 'aria-label': `${token} ${i}`,
    }, list, token);
    radio.addEventListener('click', () => choose(i));
    return radio;
  });
  const step = (by) => () => {
    choose(chosen() + by);
    radios[chosen()].focus();
  };
  onKeys(list, {
    ArrowUp: step(-1), ArrowLeft: step(-1), ArrowDown: step(1), ArrowRight: step(1), Home: step(-Infinity), End: step(Infinity),
  });
  return (query) => radios.forEach((radio, i) => set(radio, { 'aria-checked': i === query, tabindex: i === query ? 0 : -1 }));
}

/** Lines as thick and as opaque as weights; the number of a head stands on its thickest. */
function drawLines(parent, { names, queries, keys, matrices }, rows) {
  const place = html('div', { class: 'attn-heads-canvas', 'aria-hidden': 'true' }, parent);
  const drawing = svg('svg', { viewBox: `0 0 100 ${rows}`, preserveAspectRatio: 'none' }, place);
  const lane = Math.min(0.17, 0.8 / matrices.length); // lines to one key run side by side
  const to = (key, head) => key + 0.5 + (rows - keys.length) / 2 + (head - names.length / 2) * lane;
  const thickest = rows <= MOST_LABELS ? 7 : 4;
  const heads = [];
  for (const head of [names.length, ...names.keys()]) { // the mean lies below the heads
    const group = svg('g', { class: colorOf(head, names.length), 'stroke-dasharray': dash(head, names.length) }, drawing);
    // A path for all weights of about one size: a path for each weight would make hundreds of them.
    const paths = Array.from({ length: WIDTHS + 1 }, (_, size) => svg('path', {
      'vector-effect': 'non-scaling-stroke',
      'stroke-width': 0.6 + (thickest * size) / WIDTHS,
      'stroke-opacity': Math.sqrt(size / WIDTHS) || 0.1,
    }, group));
    heads[head] = { group, paths };
  }
  names.forEach((_, head) => { heads[head].number = badge(place, head); });

  return (head, query, weights, on) => {
    const { group, paths, number } = heads[head];
    const y = query + 0.5 + (rows - queries.length) / 2;
    const parts = paths.map(() => '');
    weights.forEach((weight, j) => {
      const end = to(j, head).toFixed(3);
      if (weight >= VISIBLE) parts[Math.round(weight * WIDTHS)] += `M0,${y}C50,${y} 50,${end} 100,${end}`;
    });
    set(group, { display: on ? 'inline' : 'none' });
    paths.forEach((path, size) => set(path, { d: parts[size] }));
    if (!number) return;
    const key = strongest(weights);
    const [x, at] = onCurve(0.35 + (0.45 * (head + 0.5)) / names.length, y, to(key, head));
    number.hidden = !on || weights[key] < 0.2;
    Object.assign(number.style, { left: `${x}%`, top: `${(100 * at) / rows}%` });
  };
}

/** A point of a line from height `a` to height `b`, for t from 0 to 1: [percent of the width, height]. */
export function onCurve(t, a, b) {
  const [near, far] = [(1 - t) ** 3 + 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t ** 2 + t ** 3];
  return [150 * (1 - t) * t + 100 * t ** 3, near * a + far * b];
}

function drawTable(parent, { names, keys, matrices, masked }, rows, words, titles) {
  const scroll = html('div', { class: 'attn-heads-scroll', role: 'region', tabindex: 0, 'aria-label': words.table }, parent);
  scroll.style.setProperty('--attn-shift', (rows - keys.length) / 2);
  const table = html('table', { class: 'attn-table attn-heads-table' }, scroll);
  const top = html('tr', {}, html('thead', {}, table));
  html('th', { scope: 'col', class: 'attn-heads-key' }, top, words.key);
  matrices.forEach((_, head) => {
    const cell = html('th', { scope: 'col', class: colorOf(head, names.length), title: titles[head] }, top);
    if (head === names.length) cell.append(words.mean);
    else badge(cell, head);
  });
  const body = html('tbody', {}, table);
  const cells = matrices.map(() => []);
  for (const token of keys) {
    const row = html('tr', {}, body);
    html('th', { scope: 'row', class: 'attn-heads-key', title: token }, row, token);
    matrices.forEach((_, head) => {
      const cell = html('td', { class: colorOf(head, names.length) }, row);
      const text = document.createTextNode('');
      cell.append(text);
      cells[head].push({ cell, text });
    });
  }
  const bars = rows <= 24; // in lower rows they would strike the numbers through

  return (head, query, weights, on) => cells[head].forEach(({ cell, text }, j) => {
    const hatched = masked(query, j);
    const number = hatched ? '×' : on ? fixed(weights[j]) : '–';
    if (text.data !== number) text.data = number;
    cell.classList.toggle('attn-heads-masked', hatched);
    cell.classList.toggle('attn-heads-small', !on || weights[j] < SMALL);
    if (hatched) set(cell, { 'aria-label': words.masked });
    else cell.removeAttribute('aria-label');
    if (bars) cell.style.setProperty('--attn-weight', on ? weights[j].toFixed(3) : 0);
  });
}
