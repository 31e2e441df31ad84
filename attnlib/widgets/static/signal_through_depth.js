// SignalThroughDepth: how large stream and gradient are in a stack of blocks; see signal_through_depth.py.

import { fixed, html, liveFigure, readFlag, readNumber, readWhole, Refused, say, set, svg, write } from './common.js';
import { chart, dots, through } from './chart.js';
import { measure, randomNumbers } from './stack.js';

const HEIGHT = 160;
const NORMS = ['none', 'pre', 'post'];

// --- what is said of numbers -------------------------------------------------------------------

/** A power of ten: 10⁻⁹, …, 1, 10, 10². */
export const powerOfTen = (exponent) =>
  exponent === 0 || exponent === 1 ? String(10 ** exponent) : `10${String(exponent).replace(/[-\d]/g, (sign) => (sign === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[sign]))}`;

/** A size, given by its logarithm: in digits where they are few. */
export function sizeText(logarithm) {
  if (logarithm < -2 || logarithm >= 4) return powerOfTen(Math.round(logarithm));
  return fixed(10 ** logarithm, Math.max(0, 1 - Math.floor(logarithm)));
}

/** What became of a size, by the change of its logarithm: a word's key. */
export function fate(change) {
  if (Math.abs(change) > 3) return change < 0 ? 'dies' : 'explodes';
  if (Math.abs(change) > Math.log10(1.5)) return change < 0 ? 'shrinks' : 'grows';
  return 'stays';
}

/** What a block does to the stream, twice: f is its attention, then its feed-forward network. */
export function formula({ residual, norm, finalNorm, depth }) {
  const found = norm === 'pre' ? 'f(LN(x))' : 'f(x)';
  const sum = residual ? `x + ${found}` : found;
  return `${depth} × [x ← ${norm === 'post' ? `LN(${sum})` : sum}], y = ${finalNorm ? 'LN(x)' : 'x'}`;
}

/** The decades that a chart shows: two to either side of 1, and more where there is more; below, room for numbers. */
export function decades(logarithms) {
  const [low, high] = [Math.min(-2, ...logarithms), Math.max(2, ...logarithms)];
  return [Math.floor(low) - 0.13 * (high - low), Math.ceil(high) + 0.07 * (high - low)];
}

// --- traits ----------------------------------------------------------------------------------

function readLive(model, { limits }) {
  const scale = readNumber(model, 'scale');
  const [least, most] = [limits.least_scale, limits.most_scale];
  if (!(scale >= least && scale <= most)) throw new Refused('range', { least, most, got: scale });
  return {
    scale,
    depth: readWhole(model, 'depth', 1, limits.depth),
    seed: readWhole(model, 'seed', 1, limits.seeds),
    norm: NORMS[readWhole(model, 'norm', 0, NORMS.length - 1)],
    residual: readFlag(model, 'residual'),
    finalNorm: readFlag(model, 'final_norm'),
  };
}

// --- drawing ---------------------------------------------------------------------------------

function draw(root, { limits }, { words }) {
  const setting = html('p', { class: 'attn-signal-setting' }, root);
  const parts = html('div', { class: 'attn-signal-parts' }, root);
  const panels = html('div', { class: 'attn-planes' }, parts);
  const charts = ['stream', 'gradient'].map((kind) => drawCurve(panels, kind, limits.depth, words));
  html('p', { class: 'attn-note' }, parts, say(words.note, limits));
  let random = {};
  return (now) => {
    if (random.seed !== now.seed) random = { seed: now.seed, numbers: randomNumbers(now.seed, limits) };
    const sizes = measure(random.numbers, now, limits);
    const range = decades([...sizes.stream, sizes.output, ...sizes.gradient]);
    const text = formula(now);
    write(setting, text);
    const looks = [
      charts[0](sizes.stream, range, now.finalNorm ? sizes.output : null),
      charts[1](sizes.gradient, range, null),
    ];
    const { depth, scale, seed, norm, residual, finalNorm } = now;
    return { numbers: { depth, scale, seed, norm, residual, finalNorm, ...sizes }, told: `${text}. ${looks.join('. ')}.` };
  };
}

/** One of the two curves; the gradient is told from the last block to the first, as it goes. */
function drawCurve(parent, kind, depth, words) {
  const place = html('div', { class: 'attn-panel' }, parent);
  const title = html('p', { class: 'attn-title' }, place, words[kind]);
  const said = html('span', { class: 'attn-detail' }, title);
  const { root, range, at } = chart(place, HEIGHT, words.block, { role: 'img' }, powerOfTen);
  const curve = svg('path', { class: `attn-signal-curve attn-signal-${kind}` }, root);
  const points = svg('path', { class: `attn-signal-points attn-signal-${kind}` }, root);
  const step = svg('path', { class: 'attn-signal-step' }, root);
  const end = svg('rect', { class: 'attn-signal-end', width: 10, height: 10 }, root);
  const label = svg('text', { class: 'attn-label attn-signal-label', 'text-anchor': 'end' }, root);
  let shown = '';
  return (sizes, decadesShown, output) => {
    if (shown !== decadesShown.join()) range([-0.12 * depth, 1.13 * depth], decadesShown);
    shown = decadesShown.join();
    const places = sizes.map((size, block) => at([block, size]));
    set(curve, { d: through(places) });
    set(points, { d: dots(places) });
    const last = places[places.length - 1];
    for (const each of [step, end, label]) each.style.display = output === null ? 'none' : '';
    if (output !== null) {
      const [x, y] = at([sizes.length - 1 + 0.05 * depth, output]);
      set(step, { d: through([last, [x, y]]) });
      set(end, { x: x - 5, y: y - 5 });
      set(label, { x: x + 13, y: y + (last[1] > y ? -10 : 21) });
      write(label, `y ${sizeText(output)}`);
    }
    const way = [sizes[0], sizes[sizes.length - 1]];
    const [from, to] = kind === 'stream' ? way : way.reverse();
    const text = `${sizeText(from)} → ${sizeText(to)}, ${words[fate(to - from)]}`;
    write(said, text);
    set(root, { 'aria-label': `${words[kind]}: ${text}` });
    return `${words[kind]}: ${text}${output === null ? '' : `, y ${sizeText(output)}`}`;
  };
}

export default liveFigure({
  structure: [],
  live: ['depth', 'scale', 'seed', 'norm', 'residual', 'final_norm'],
  readStructure: () => ({}),
  readLive,
  draw,
});
