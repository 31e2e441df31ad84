// AlibiExplorer: weights over the distance, for the slopes of some heads and for one to move; see alibi.py.

import { fixed, html, liveFigure, panel, readNumber, Refused, set, shown, softmax, svg, write } from './common.js';
import { chart, through } from './chart.js';

const HEIGHT = 240;

/** Weights by distance, 0 first, where all scores are equal. */
export const weightsOf = (slope, length) => softmax(Array.from({ length }, (_, distance) => -slope * distance));

/** How many tokens, the nearest first, hold half of the weight. */
export function reach(weights) {
  let sum = 0;
  return 1 + weights.findIndex((weight) => (sum += weight) > 0.5 - 1e-9);
}

function readStructure(model, { heads }) {
  const slopes = model.get('slopes');
  if (!Array.isArray(slopes) || !slopes.length || slopes.length > heads || !slopes.every((slope) => slope > 0 && slope <= 1)) {
    throw new Refused('slopes', { most: heads, got: shown(slopes) });
  }
  return { slopes };
}

function readLive(model, { limits }) {
  const slope = readNumber(model, 'slope');
  if (!(slope >= 0 && slope <= limits.slope)) throw new Refused('range', { most: limits.slope, got: slope });
  return { slope };
}

function draw(root, { slopes, limits }, { words }) {
  const { length } = limits;
  const panels = html('div', { class: 'attn-planes' }, root);
  const { root: plot, range, at } = panel(panels, words.weights, words.note, (place) =>
    chart(place, HEIGHT, 'n − m', { role: 'img', 'aria-label': words.weights }));
  const curve = (kind) => svg('path', { class: `attn-alibi-curve ${kind}` }, plot);
  const heads = slopes.map((slope, h) => ({ weights: weightsOf(slope, length), path: curve(`attn-alibi-${h}`), name: `s = 1/${fixed(1 / slope, 0)}` }));
  const own = curve('attn-alibi-own');
  range([0, length - 1], [-0.06, 0.45]);
  const points = (weights) => through(weights.map((weight, distance) => at([distance, weight])));
  heads.forEach(({ path, weights }) => set(path, { d: points(weights) }));

  const table = html('table', { class: 'attn-table attn-alibi-table' }, html('div', { class: 'attn-panel' }, panels));
  html('caption', { class: 'attn-hidden' }, table, words.table);
  const head = html('tr', {}, html('thead', {}, table));
  for (const text of [words.slope, words.first, words.reach]) html('th', { scope: 'col' }, head, text);
  const body = html('tbody', {}, table);
  const row = (kind, name, weights) => {
    const place = html('tr', {}, body);
    const first = html('th', { scope: 'row' }, place);
    svg('path', { class: `attn-alibi-curve ${kind}`, d: 'M1,6h26' }, svg('svg', { width: 28, height: 12, 'aria-hidden': 'true' }, first));
    const cells = [html('span', {}, first), html('td', {}, place), html('td', {}, place)];
    const fill = (text, values) => [text, fixed(values[0], 3), String(reach(values))].forEach((each, i) => write(cells[i], each));
    if (weights) fill(name, weights);
    return fill;
  };
  heads.forEach(({ name, weights }, h) => row(`attn-alibi-${h}`, name, weights));
  const fill = row('attn-alibi-own');

  return ({ slope }) => {
    const weights = weightsOf(slope, length);
    set(own, { d: points(weights) });
    fill(`s = ${fixed(slope)}`, weights);
    return {
      numbers: { slope, weights, reach: reach(weights), heads: heads.map((each) => each.weights) },
      told: `s = ${fixed(slope)}. ${words.first}: ${fixed(weights[0], 3)}. ${words.reach}: ${reach(weights)}.`,
    };
  };
}

export default liveFigure({ structure: ['slopes'], live: ['slope'], readStructure, readLive, draw });
