// ScalingExplorer: dot products of width d, divided, through the softmax; see scaling.py.

import { fixed, html, liveFigure, readWhole, Refused, say, set, softmax, svg, write } from './common.js';

const DIVISORS = [() => 1, Math.sqrt, (d) => d];

// --- maths -----------------------------------------------------------------------------------

const average = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Like torch.std: divided by one less than the number of values. */
export function deviation(values) {
  const middle = average(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

/** Like torch.quantile: between two values, a straight line. */
export function quantile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  const place = part * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  return low + (place % 1) * (high - low);
}

export const entropy = (weights) => weights.reduce((sum, w) => sum - (w > 0 ? w * Math.log(w) : 0), 0);

/** Frobenius norm of the softmax's Jacobian, diag(w) − w wᵀ. */
export const jacobianNorm = (weights) =>
  Math.hypot(...weights.flatMap((a, i) => weights.map((b, j) => a * (Number(i === j) - b))));

/** Rows of dot products of width d: what becomes of them, and of the gradient on its way back. */
export function measure(products, d, divisor) {
  const scores = products.map((row) => row.map((product) => product / divisor));
  const weights = scores.map(softmax);
  const sorted = weights.map((row) => [...row].sort((a, b) => b - a));
  // From the scores the gradient goes to the query through the keys, which are about √d long and
  // stand nearly at right angles to each other, and through the divisor.
  const gradients = weights.map((row) => (jacobianNorm(row) * Math.sqrt(d)) / divisor);
  return {
    scores: scores.flat(),
    weights,
    std: deviation(scores.flat()),
    mean: sorted[0].map((_, place) => average(sorted.map((row) => row[place]))),
    entropy: average(weights.map(entropy)),
    slope: average(weights.flat().map((w) => w * (1 - w))),
    gradient: [0.1, 0.5, 0.9].map((part) => quantile(gradients, part)),
  };
}

const BINS = 41;

/** How many values fall into bins of width 2 around −40, −38, …, 40, and to either side of them. */
export function histogram(values) {
  const bins = Array(BINS).fill(0);
  const beyond = [0, 0];
  for (const value of values) {
    const bin = Math.floor((value + BINS) / 2);
    if (bin in bins) bins[bin] += 1;
    else beyond[Number(bin > 0)] += 1;
  }
  return { bins, beyond };
}

// --- traits ----------------------------------------------------------------------------------

/** The dot products [exponent of the width][query][key] out of the text that carries them. */
export function parse(hundredths, { exponent, queries, keys }) {
  const numbers = String(hundredths).split(' ').map((text) => (text ? Number(text) / 100 : NaN));
  const wanted = (exponent + 1) * queries * keys;
  const good = numbers.filter(Number.isFinite).length;
  if (good !== wanted || numbers.length !== wanted) {
    throw new Refused('hundredths', { wanted, got: numbers.length, finite: good });
  }
  const cut = (list, size) =>
    Array.from({ length: list.length / size }, (_, i) => list.slice(i * size, (i + 1) * size));
  return cut(cut(numbers, keys), queries);
}

const readStructure = (model, limits) => ({ products: parse(model.get('hundredths'), limits) });

const readLive = (model, { limits }) => ({
  exponent: readWhole(model, 'exponent', 0, limits.exponent),
  choice: readWhole(model, 'divisor', 0, DIVISORS.length - 1),
  query: readWhole(model, 'query', 1, limits.queries),
});

// --- drawing ---------------------------------------------------------------------------------

function draw(root, { products, limits }, { words }) {
  const setting = html('p', { class: 'attn-setting' }, root);
  const parts = html('div', { class: 'attn-parts' }, root);
  const charts = html('div', { class: 'attn-charts' }, parts);
  const [scoresChart, weightsChart] = [drawScores(charts, words), drawWeights(charts, limits.keys, words)];
  const gauges = drawGauges(parts, limits.keys, words);
  html('p', { class: 'attn-note' }, parts, words.note);
  return ({ exponent, choice, query }) => {
    const d = 2 ** exponent;
    const divisor = DIVISORS[choice](d);
    const { scores, weights, ...now } = measure(products[exponent], d, divisor);
    const formula = `d = ${d}, w = softmax(q · k${['', ` / √${d}`, ` / ${d}`][choice]})`;
    write(setting, formula);
    const looks = [scoresChart(scores, now.std, choice), weightsChart(weights[query - 1], now.mean, query), gauges(now)];
    return {
      numbers: { d, divisor, query, ...now, weights: weights[query - 1] },
      told: `${formula}. ${looks.join('. ')}.`,
    };
  };
}

const [WIDE, HIGH, BASE, TOP] = [320, 150, 128, 24]; // a chart's view box, and where its bars stand in it

function chart(parent, kind) {
  const place = html('div', { class: 'attn-panel' }, parent);
  const title = html('span', {}, html('p', { class: 'attn-title' }, place));
  const root = svg('svg', { class: `attn-chart ${kind}`, viewBox: `0 0 ${WIDE} ${HIGH}`, role: 'img' }, place);
  return { root, title };
}

const mark = (root, x, y, text, anchor = 'middle') =>
  svg('text', { class: 'attn-tick', x, y, 'text-anchor': anchor }, root, text);

/** Bars on the base line, from `left` on; returns a function that takes their heights, 0 to 1. */
function bars(root, count, left, step) {
  const height = BASE - TOP;
  const rects = Array.from({ length: count }, (_, i) =>
    svg('rect', { class: 'attn-grow', x: left + (i + 0.08) * step, y: TOP, width: 0.84 * step, height }, root));
  svg('line', { class: 'attn-axis', x1: left, x2: left + count * step, y1: BASE, y2: BASE }, root);
  return (heights) => rects.forEach((rect, i) => { rect.style.transform = `scaleY(${heights[i]})`; });
}

function drawScores(parent, words) {
  const { root, title } = chart(parent, 'attn-chart-scores');
  const theory = html('span', { class: 'attn-detail' }, title.parentNode);
  const step = (WIDE - 8) / BINS; // for two units of score
  const at = (score) => WIDE / 2 + (score / 2) * step;
  const band = svg('rect', { class: 'attn-band', y: TOP, height: BASE - TOP }, root);
  const grow = bars(root, BINS, 4, step);
  const brace = svg('path', { class: 'attn-brace' }, root);
  mark(root, WIDE / 2, 11, '± 1 σ');
  for (const score of [-40, -20, 0, 20, 40]) {
    mark(root, Math.max(12, Math.min(at(score), WIDE - 10)), HIGH - 7, fixed(score, 0));
  }
  const sides = [mark(root, 4, 42, '', 'start'), mark(root, WIDE - 4, 42, '', 'end')];
  return (scores, std, choice) => {
    const { bins, beyond } = histogram(scores);
    const highest = Math.max(...bins);
    grow(bins.map((count) => count / highest));
    const [low, high] = [at(-std), at(std)];
    set(band, { x: low, width: high - low });
    set(brace, { d: `M${low},${TOP - 1}v-6H${high}v6` });
    beyond.forEach((count, i) => {
      const percent = `${fixed((100 * count) / scores.length, 0)} %`;
      write(sides[i], count ? [`◂ ${percent}`, `${percent} ▸`][i] : '');
    });
    const text = `${words.scores}: σ = ${fixed(std)}`;
    write(title, text);
    write(theory, ['≈ √d', '≈ 1', '≈ 1 / √d'][choice]);
    set(root, { 'aria-label': text });
    return text;
  };
}

/** The weights of one query as bars, the means as dots; dashed: all equal. */
function drawWeights(parent, keys, words) {
  const { root, title } = chart(parent, 'attn-chart-weights');
  html('span', { class: 'attn-detail attn-means' }, title.parentNode, words.mean);
  const [left, right] = [26, WIDE - 4];
  const step = (right - left) / keys;
  const at = (weight) => BASE - weight * (BASE - TOP);
  for (const weight of [0, 0.5, 1]) {
    svg('line', { class: 'attn-grid', x1: left, x2: right, y1: at(weight), y2: at(weight) }, root);
    mark(root, left - 6, at(weight) + 4, String(weight), 'end');
  }
  const grow = bars(root, keys, left, step);
  svg('line', { class: 'attn-equal', x1: left, x2: right, y1: at(1 / keys), y2: at(1 / keys) }, root);
  const dots = Array.from({ length: keys }, (_, i) => {
    const cx = left + (i + 0.5) * step;
    mark(root, cx, HIGH - 7, i + 1);
    return svg('circle', { class: 'attn-mean', cx, cy: BASE, r: 3.5 }, root);
  });
  const number = svg('text', { class: 'attn-label attn-number', x: left + 0.5 * step, 'text-anchor': 'middle' }, root);
  return (weights, means, query) => {
    const sorted = [...weights].sort((a, b) => b - a);
    grow(sorted);
    dots.forEach((dot, i) => { dot.style.transform = `translateY(${at(means[i]) - BASE}px)`; });
    write(number, fixed(sorted[0]));
    set(number, { y: at(Math.max(sorted[0], means[0])) - 9 });
    const text = say(words.one, { query });
    write(title, text);
    const list = (values) => values.map((value) => fixed(value)).join(', ');
    set(root, { 'aria-label': `${text}: ${list(sorted)}. ${words.mean}: ${list(means)}` });
    return `${text}: ${list(sorted.slice(0, 3))}`;
  };
}

const inside = (part) => Math.min(Math.max(part, 0), 1);
const decades = (value) => inside((Math.log10(value) + 3) / 4); // 0.001 is 0, 10 is 1

/** Name and number of a quantity, and a track on which the number has its place. */
function drawGauges(parent, keys, words) {
  const list = html('dl', { class: 'attn-gauges' }, parent);
  const gauge = (name, formula, low, high) => {
    const item = html('div', {}, list);
    html('span', { class: 'attn-detail' }, html('dt', {}, item, name), formula);
    const number = html('dd', { class: 'attn-reading' }, item);
    const picture = html('dd', { class: 'attn-gauge', 'aria-hidden': 'true' }, item);
    const rail = html('span', { class: 'attn-rail' }, picture);
    const filled = html('span', { class: 'attn-filled' }, rail);
    for (const end of [low, high]) html('span', { class: 'attn-end' }, picture, end);
    const update = (text, from, to) => {
      write(number, text);
      filled.style.left = `${100 * from}%`;
      filled.style.width = `${100 * (to - from)}%`;
      return `${name} ${text}`;
    };
    return { update, rail };
  };
  const largest = gauge(words.largest, 'max w', `1/${keys} ${words.equal}`, `${words.one_takes_all} 1`);
  const spread = gauge(words.entropy, '−Σ w ln w', `0 ${words.one_takes_all}`, `${words.equal} ln ${keys}`);
  const slope = gauge(words.slope, 'w(1 − w)', `0 ${words.saturated}`, `${words.equal} 0.09`);
  const gradient = gauge(words.gradient, '≈ ‖∂w/∂q‖', `0.001 ${words.vanishes}`, `${words.explodes} 10`);
  const middle = html('span', { class: 'attn-middle' }, gradient.rail);
  return (now) => {
    const [low, median, high] = now.gradient;
    middle.style.left = `${100 * decades(median)}%`;
    return [
      largest.update(fixed(now.mean[0]), 0, inside((now.mean[0] - 1 / keys) / (1 - 1 / keys))),
      spread.update(fixed(now.entropy), 0, inside(now.entropy / Math.log(keys))),
      slope.update(fixed(now.slope, 3), 0, inside(now.slope / 0.09)),
      gradient.update(`${fixed(median, 3)} (${fixed(low, 3)} … ${fixed(high, 3)})`, decades(low), decades(high)),
    ].join('. ');
  };
}

export default liveFigure({
  structure: ['hundredths'],
  live: ['exponent', 'divisor', 'query'],
  readStructure,
  readLive,
  draw,
});
