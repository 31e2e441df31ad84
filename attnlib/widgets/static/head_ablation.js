// HeadAblation: what the heads of some layers look at, and the error without some of them; see head_ablation.py.

import { fixed, html, liveFigure, readFlag, readTokens, readWhole, Refused, say, set, shown, write } from './common.js';

const MARKS = ['A', 'B'];

/** Where the error stands that is left with the ticked heads: head h adds 2 to the power of h. */
export const placeOf = (kept) => kept.reduce((place, on, head) => place + (on ? 2 ** head : 0), 0);

const isWeight = (weight) => weight >= 0 && weight <= 1.001; // no NaN either
const isError = (error) => Number.isFinite(error) && error >= 0;
const isTable = (rows, width, right) => Array.isArray(rows) && rows.every((row) => Array.isArray(row) && row.length === width && row.every(right));

function readStructure(model, limits) {
  const names = readTokens(model, 'names', limits.layers);
  const [looks, errors] = [model.get('looks'), model.get('errors')];
  const heads = looks?.[0]?.length;
  if (!(heads >= 1 && heads <= limits.heads) || looks.length !== names.length
    || !looks.every((layer) => isTable(layer, MARKS.length, isWeight) && layer.length === heads)) {
    throw new Refused('looks', { layers: names.length, most: limits.heads, got: shown(looks) });
  }
  const places = 2 ** heads;
  if (!isTable(errors, places, isError) || errors.length !== names.length) {
    throw new Refused('errors', { layers: names.length, places, got: shown(errors) });
  }
  return { names, looks, errors, heads };
}

const readLive = (model, { names, heads }) => ({
  layer: readWhole(model, 'layer', 0, names.length - 1),
  kept: Array.from({ length: heads }, (_, head) => readFlag(model, `head_${head}`)),
});

/** A bar of the two weights of a head; what is missing to its end went to other tokens. */
function drawLooks(place, weights) {
  const bar = html('div', { class: 'attn-ablation-bar' }, place);
  weights.forEach((weight, mark) => {
    const part = html('span', { class: `attn-ablation-${mark}` }, bar, weight >= 0.2 ? MARKS[mark] : '');
    part.style.width = `${100 * weight}%`;
  });
}

function draw(root, { names, looks, errors, heads }, { words }) {
  const most = Math.max(...errors.flat()) || 1;
  html('p', { class: 'attn-note' }, root, words.note);
  const table = html('table', { class: 'attn-table attn-ablation-table' }, root);
  html('caption', { class: 'attn-hidden' }, table, words.table);
  const head = html('tr', {}, html('thead', {}, table));
  html('th', { scope: 'col' }, head, words.seed);
  const titles = Array.from({ length: heads }, () => html('th', { scope: 'col' }, head));
  html('th', { scope: 'col' }, head, words.error);
  const body = html('tbody', {}, table);
  const rows = names.map((name, layer) => {
    const row = html('tr', {}, body);
    html('th', { scope: 'row' }, row, name);
    const cells = looks[layer].map((weights) => {
      const cell = html('td', {}, row);
      drawLooks(cell, weights);
      return cell;
    });
    const error = html('div', { class: 'attn-ablation-error' }, html('td', {}, row));
    return { row, cells, bar: html('span', {}, error), number: html('span', {}, error) };
  });
  const detail = html('p', { class: 'attn-ablation-detail' }, root);

  return ({ layer, kept }) => {
    const left = errors.map((places) => places[placeOf(kept)]);
    titles.forEach((title, h) => write(title, `${kept[h] ? '☑' : '☐'} ${words.head} ${h}`));
    rows.forEach(({ row, cells, bar, number }, i) => {
      set(row, { class: i === layer ? 'attn-ablation-chosen' : '' });
      cells.forEach((cell, h) => set(cell, { class: kept[h] ? '' : 'attn-ablation-off' }));
      bar.style.width = `${(60 * left[i]) / most}%`;
      write(number, fixed(left[i]));
    });
    const heard = looks[layer].map(([a, b], h) =>
      `${words.head} ${h} ${kept[h] ? `A ${fixed(a)}, B ${fixed(b)}` : words.silent}`);
    const told = `${say(words.chosen, { name: names[layer] })}: ${heard.join('; ')}; ${words.error} ${fixed(left[layer])}.`;
    write(detail, told);
    return { numbers: { layer, kept, looks: looks[layer], errors: left, all: errors }, told };
  };
}

export default liveFigure({
  structure: ['looks', 'errors', 'names'],
  live: ['layer', 'head_0', 'head_1', 'head_2', 'head_3'],
  readStructure,
  readLive,
  draw,
});
