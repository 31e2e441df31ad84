// QueryKeyValueExplorer: keys as arrows, values as points, a query to drag, phrases to choose; see query_key_value.py.

import {
  dot, fixed, html, liveFigure, onKeys, pair, panel, readNumber, readRows, readTokens, readWhole, Refused, say, set, shown,
  softmax, svg, weightedSum, write,
} from './common.js';
import { arrow, away, convexHull, label, labelPlaces, plane, project, SIDE, squareAround } from './plane.js';

/** Scores, weights and output of one query: what attnlib.scaled_dot_product_attention computes. */
export function attend(query, keys, values, scale) {
  const scores = keys.map((key) => scale * dot(query, key));
  const weights = softmax(scores);
  return { scores, weights, output: weightedSum(weights, values) };
}

function readStructure(model, limits) {
  const tokens = readTokens(model, 'tokens', limits.tokens);
  const [keys, values] = ['key_vectors', 'value_vectors'].map((name) => readRows(model, name, tokens.length, 2));
  const [scale, reach, step] = ['scale', 'reach', 'step'].map((name) => readNumber(model, name));
  if (!(reach > 0 && step > 0)) throw new Refused('reach', { reach, step });
  return { phrases: readPhrases(model, { tokens, keys, values }), scale, reach, step, box: squareAround(values) };
}

/** The tokens, keys and values of each phrase. */
function readPhrases(model, rows) {
  const phrases = model.get('phrases');
  const isPhrase = (phrase) => Array.isArray(phrase) && phrase.length && phrase.every((i) => i in rows.tokens);
  if (!Array.isArray(phrases) || !phrases.length || !phrases.every(isPhrase)) {
    throw new Refused('phrases', { most: rows.tokens.length - 1, got: shown(phrases) });
  }
  const pick = (phrase) => Object.entries(rows).map(([name, list]) => [name, phrase.map((i) => list[i])]);
  return phrases.map((phrase) => Object.fromEntries(pick(phrase)));
}

function readLive(model, { phrases, scale }) {
  const query = [readNumber(model, 'query_x'), readNumber(model, 'query_y')];
  const phrase = readWhole(model, 'phrase', 0, phrases.length - 1);
  const { keys, values } = phrases[phrase];
  return { phrase, query, ...attend(query, keys, values, scale) };
}

/** Draws the phrase that is chosen; another one anew, in the same planes. */
function draw(root, { phrases, ...shared }, tools) {
  const place = html('div', {}, root);
  let drawn = null;
  let update = null;
  return (now) => {
    if (drawn !== now.phrase) {
      place.replaceChildren();
      update = drawPhrase(place, { ...shared, ...phrases[now.phrase] }, tools);
      drawn = now.phrase;
    }
    return update({ ...now, ...phrases[now.phrase] });
  };
}

function drawPhrase(root, structure, { words, model, put }) {
  const { reach, step, tokens } = structure;
  // Asked of the model, not of what is painted: two keys may be pressed within one frame.
  const here = () => [model.get('query_x'), model.get('query_y')];
  // toFixed: 3 * 0.05 is 0.15000000000000002, which nobody wants to see beside a slider.
  const snap = (value) =>
    Number((Math.round(Math.min(Math.max(value, -reach), reach) / step) * step).toFixed(9));
  const move = ([x, y]) => put({ query_x: snap(x), query_y: snap(y) });
  const { query_x: x, query_y: y } = model.get('start');
  const asks = model.get('query_token');
  const named = { token: tokens.includes(asks) ? asks : '', at: [x, y] };

  const planes = html('div', { class: 'attn-planes' }, root);
  const updates = [
    drawKeys(planes, structure, words, { named, here, move }), drawValues(planes, structure, words), drawTable(root, structure, words),
  ];
  return (now) => {
    for (const update of updates) update(now);
    const { phrase, query, scores, weights, output } = now;
    const rows = tokens.map(
      (token, i) => `${token}: ${words.score} ${fixed(scores[i])}, ${words.weight} ${fixed(weights[i], 3)}`,
    );
    const told = `${words.query} ${pair(query)}. ${rows.join('; ')}. ${words.output} ${pair(output)}.`;
    return { numbers: { phrase, query, scores, weights, output }, told };
  };
}

function drawKeys(parent, { keys, tokens, reach, step }, words, { named, here, move }) {
  const title = words.keys_plane;
  const edge = 1.13 * reach; // room for the ring at the utmost
  const { root, at, from } = panel(parent, title, words.keys_note, (place) =>
    plane(place, { role: 'group', 'aria-label': title }, [-edge, -edge, 2 * edge]));
  const [origin, ends] = [at([0, 0]), keys.map(at)];
  const places = labelPlaces(ends, origin, 44); // a query that lies on a key leaves its score free
  const ray = svg('line', { class: 'attn-ray' }, root);
  const shaft = svg('line', { class: 'attn-query', x1: origin[0], y1: origin[1] }, root);
  const drops = keys.map(() => svg('line', { class: 'attn-drop' }, root));
  const feet = keys.map(() => svg('circle', { class: 'attn-foot', r: 3.5 }, root));
  for (const end of ends) arrow(root, 'attn-key')(origin, end);
  const queryName = svg('text', { class: 'attn-label attn-query-name' }, root);
  const handle = svg('g', {
    class: 'attn-handle', tabindex: 0, role: 'slider', 'aria-roledescription': words.handle_role, 'aria-label': words.handle,
    'aria-valuemin': -reach, 'aria-valuemax': reach,
  }, root);
  svg('circle', { class: 'attn-hit', r: 28 }, handle);
  svg('circle', { class: 'attn-focus', r: 18 }, handle);
  svg('circle', { class: 'attn-ring', r: 12 }, handle);
  const names = tokens.map((name) => label(root, 'attn-key', name)); // over the ring, wherever it goes

  let grabbed = null; // from the pointer to the tip, so that the tip does not jump when it is grabbed
  handle.addEventListener('pointerdown', (event) => {
    if (event.button) return;
    const [[x, y], point] = [here(), from(event)];
    grabbed = [x - point[0], y - point[1]];
    handle.setPointerCapture(event.pointerId);
    handle.focus({ preventScroll: true });
    event.preventDefault();
  });
  // The page scrolls under a finger everywhere but on the ring. (Browsers heed touch-action on a whole
  // SVG, not everywhere on its parts.)
  handle.addEventListener('touchstart', (event) => event.preventDefault(), { passive: false });
  handle.addEventListener('pointermove', (event) => {
    if (!grabbed) return;
    const point = from(event);
    move([point[0] + grabbed[0], point[1] + grabbed[1]]);
  });
  for (const end of ['pointerup', 'pointercancel', 'lostpointercapture']) {
    handle.addEventListener(end, () => { grabbed = null; });
  }
  // A tap elsewhere moves the query too; a swipe is no click, so the page still scrolls.
  root.addEventListener('click', (event) => {
    if (!handle.contains(event.target)) move(from(event));
  });
  const push = (right, up) => (event) => {
    const [[x, y], length] = [here(), (event.shiftKey ? 10 : 2) * step];
    move([x + right * length, y + up * length]);
  };
  onKeys(handle, { ArrowLeft: push(-1, 0), ArrowRight: push(1, 0), ArrowUp: push(0, 1), ArrowDown: push(0, -1) });

  return ({ query, scores }) => {
    const tip = at(query);
    set(shaft, { x2: tip[0], y2: tip[1] });
    // To the edge of the plane, in both directions.
    const longer = edge / (Math.max(...query.map(Math.abs)) || 1);
    const [a, b] = [longer, -longer].map((factor) => at(query.map((value) => factor * value)));
    set(ray, { x1: a[0], y1: a[1], x2: b[0], y2: b[1] });
    keys.forEach((key, i) => {
      const foot = at(project(key, query));
      set(drops[i], { x1: ends[i][0], y1: ends[i][1], x2: foot[0], y2: foot[1] });
      set(feet[i], { cx: foot[0], cy: foot[1] });
      names[i](places[i], fixed(scores[i]));
    });
    const atStart = named.token && query[0] === named.at[0] && query[1] === named.at[1];
    write(queryName, atStart ? say(words.query_of, { token: named.token }) : words.query);
    set(queryName, besideTip(origin, tip, places));
    set(handle, {
      transform: `translate(${tip[0]} ${tip[1]})`,
      'aria-valuenow': query[0],
      'aria-valuetext': `x ${fixed(query[0])}, y ${fixed(query[1])}`,
    });
  };
}

/** Where the query's name stands: left or right of the shaft, above it if no key's name is there. */
function besideTip(origin, tip, taken) {
  const [ux, uy] = away(origin, tip, 1);
  const upper = ux > 0 ? [uy, -ux] : [-uy, ux];
  const place = ([nx, ny]) => {
    const end = nx < 0; // the text goes on to the left
    const x = tip[0] + 25 * nx;
    const y = tip[1] + 21 * ny + 5;
    return { x: end ? Math.max(x, 92) : Math.min(x, SIDE - 92), y: Math.max(y, 18), 'text-anchor': end ? 'end' : 'start' };
  };
  const free = ({ x, y, 'text-anchor': anchor }) => {
    const middle = x + (anchor === 'end' ? -40 : 40);
    return taken.every((other) => Math.abs(other[0] - middle) > 58 || Math.abs(other[1] - y) > 30);
  };
  const [first, second] = [place(upper), place([-upper[0], -upper[1]])];
  return free(first) || !free(second) ? first : second;
}

function drawValues(parent, { values, tokens, box }, words) {
  const title = words.values_plane;
  const { root, at } = panel(parent, title, words.values_note, (place) =>
    plane(place, { role: 'img', 'aria-label': title }, box));
  const points = values.map(at);
  svg('polygon', { class: 'attn-hull', points: convexHull(points).join(' ') }, root);
  const pulls = points.map(([x1, y1]) => svg('line', { class: 'attn-pull', x1, y1 }, root));
  for (const [cx, cy] of points) svg('circle', { class: 'attn-value', cx, cy, r: 6.5 }, root);
  const places = labelPlaces(points, weightedSum(points.map(() => 1 / points.length), points));
  const names = tokens.map((name) => label(root, 'attn-value', name));
  const output = svg('path', { class: 'attn-output', d: 'M0,-10L10,0L0,10L-10,0Z' }, root);
  const outputName = label(root, 'attn-output-name', words.output);

  return (now) => {
    const point = at(now.output);
    now.weights.forEach((weight, i) => {
      set(pulls[i], { x2: point[0], y2: point[1], 'stroke-width': 0.75 + 13 * weight });
      names[i](places[i], fixed(weight, 3));
    });
    set(output, { transform: `translate(${point[0]} ${point[1]})` });
    outputName([point[0], point[1] + 27], pair(now.output));
    set(root, { 'aria-label': `${title}: ${words.output} ${pair(now.output)}` });
  };
}

function drawTable(parent, { tokens, keys, values, scale }, words) {
  const table = html('table', { class: 'attn-table' }, parent);
  html('caption', { class: 'attn-hidden' }, table, words.table);
  const head = html('tr', {}, html('thead', {}, table));
  const formula = scale === 1 ? 'q · k' : `q · k × ${fixed(scale, 3)}`;
  for (const [name, detail] of [['token', ''], ['key', 'k'], ['score', formula], ['weight', 'softmax'], ['value', 'v']]) {
    const cell = html('th', { scope: 'col', class: `attn-column-${name}` }, head, words[name]);
    if (detail) html('span', { class: 'attn-detail' }, cell, detail);
  }
  const body = html('tbody', {}, table);
  const rows = tokens.map((token, i) => {
    const row = html('tr', {}, body);
    html('th', { scope: 'row', class: 'attn-column-token', title: token }, row, token);
    html('td', { class: 'attn-column-key' }, row, pair(keys[i]));
    const score = html('td', { class: 'attn-column-score' }, row);
    const weight = html('div', { class: 'attn-weight' }, html('td', { class: 'attn-column-weight' }, row));
    const track = html('span', { class: 'attn-track', 'aria-hidden': 'true' }, weight);
    const bar = html('span', { class: 'attn-fill' }, track);
    const number = html('span', {}, weight);
    html('td', { class: 'attn-column-value' }, row, pair(values[i]));
    return { score, bar, number };
  });
  const sum = html('p', { class: 'attn-sum' }, parent);
  html('span', { class: 'attn-output-name' }, sum, words.output);
  sum.append(' = ');
  const factors = values.map((value, i) => {
    if (i) sum.append(' + ');
    const term = html('span', { class: 'attn-term' }, sum);
    const factor = html('span', {}, term);
    term.append(' · ');
    html('span', { class: 'attn-value-text' }, term, pair(value));
    return factor;
  });
  sum.append(' = ');
  const result = html('strong', { class: 'attn-output-name' }, sum);

  return (now) => {
    rows.forEach(({ score, bar, number }, i) => {
      write(score, fixed(now.scores[i]));
      bar.style.transform = `scaleX(${now.weights[i]})`;
      write(number, fixed(now.weights[i], 3));
      write(factors[i], fixed(now.weights[i], 3));
    });
    write(result, pair(now.output));
  };
}

export default liveFigure({
  structure: ['tokens', 'key_vectors', 'value_vectors', 'phrases', 'scale', 'reach', 'step', 'query_token'],
  live: ['query_x', 'query_y', 'phrase'],
  readStructure,
  readLive,
  draw,
});
