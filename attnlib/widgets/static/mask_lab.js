// MaskLab: who may attend to whom, and what is left after the softmax; see mask_lab.py.

import {
  fixed, html, liveFigure, onKeys, readFlag, readRows, readTokens, readWhole, Refused, say, set, shown, softmax, write,
} from './common.js';

// --- maths -----------------------------------------------------------------------------------

/** The masks of attnlib combined, then the painted cells on top: true = may attend. */
export function combine({ n, validLen, isCausal, window, painted }) {
  const places = Array.from({ length: n }, (_, place) => place);
  const mask = places.map((i) =>
    places.map((j) => j < validLen && (!isCausal || j <= i) && Math.abs(i - j) < window));
  for (const [i, j, may] of painted) mask[i][j] = Boolean(may);
  return mask;
}

/** Weights of one row of scores; what is forbidden gets 0, also when nothing is left. */
export function maskedSoftmax(scores, allowed) {
  const left = scores.filter((_, j) => allowed[j]);
  const weights = left.length ? softmax(left) : [];
  return allowed.map((may) => (may ? weights.shift() : 0));
}

/** The painted cells after `cells` were set to `may`; a cell that needs no paint loses it. */
export function paint(state, cells, may) {
  const bare = combine({ ...state, painted: [] });
  const others = state.painted.filter(([i, j]) => !cells.some(([row, column]) => row === i && column === j));
  const added = cells.filter(([i, j]) => bare[i][j] !== may).map(([i, j]) => [i, j, Number(may)]);
  return [...others, ...added];
}

// --- the same mask elsewhere: Python code is the same in every language of the book --------------

const CONVENTIONS = [
  { name: 'attnlib', meaning: 'may', use: 'weights = masked_softmax(scores, mask)' },
  {
    name: 'F.scaled_dot_product_attention',
    meaning: 'may',
    use: 'F.scaled_dot_product_attention(q, k, v, attn_mask=mask)',
  },
  { name: 'nn.MultiheadAttention', meaning: 'ignore', use: 'layer(x, x, x, attn_mask=~mask)' },
  { name: 'float', meaning: 'added', use: 'bias = torch.where(mask, 0.0, -torch.inf)' },
];

/** How a convention writes a cell: in full, or short where many stand side by side. */
function written(meaning, may, short) {
  if (meaning === 'added') return may ? '0' : short ? '−∞' : '-inf';
  const text = may !== (meaning === 'ignore') ? 'True' : 'False';
  return short ? text[0] : text;
}

/** The lines that build this mask with attnlib; one that changes nothing is a comment. */
export function build({ n, validLen, isCausal, window, painted }) {
  const step = (acts, maker) => `${acts ? '' : '# '}mask &= ${maker}`;
  const lines = [
    `mask = torch.ones(${n}, ${n}).bool()`,
    `lengths = torch.tensor([${validLen}])`, // a line of its own: with it the next would wrap
    step(validLen < n, `padding_mask(lengths, ${n})[0]`),
    step(isCausal, `causal_mask(${n})`),
    step(window < n, `sliding_window_mask(${n}, window=${window})`),
  ];
  for (const [may, value] of [[0, 'False'], [1, 'True']]) {
    const cells = painted.filter((cell) => cell[2] === may);
    const place = (axis) => (cells.length > 1 ? `[${cells.map((cell) => cell[axis]).join(', ')}]` : cells[0][axis]);
    if (cells.length) lines.push(`mask[${place(0)}, ${place(1)}] = ${value}`);
  }
  return lines;
}

// --- traits ----------------------------------------------------------------------------------

function readPainted(model, n) {
  const painted = model.get('painted');
  const place = (value) => Number.isInteger(value) && value >= 0 && value < n;
  const good = (cell) => Array.isArray(cell) && cell.length === 3 && place(cell[0]) && place(cell[1]) && [0, 1].includes(cell[2]);
  if (!Array.isArray(painted) || !painted.every(good)) {
    const bad = Array.isArray(painted) ? painted.find((cell) => !good(cell)) : painted;
    throw new Refused('painted', { n, got: shown(bad) });
  }
  return painted;
}

function readStructure(model, limits) {
  const tokens = readTokens(model, 'tokens', limits.tokens);
  const n = tokens.length;
  return { n, tokens, scores: readRows(model, 'scores', n, n) };
}

function readLive(model, { n }) {
  return {
    validLen: readWhole(model, 'valid_len', 0, n),
    isCausal: readFlag(model, 'is_causal'),
    window: readWhole(model, 'window', 1, n),
    painted: readPainted(model, n),
    convention: readWhole(model, 'convention', 0, CONVENTIONS.length - 1),
  };
}

// --- drawing ---------------------------------------------------------------------------------

function draw(root, structure, { words, model, put }) {
  const parts = html('div', { class: 'attn-lab' }, root);
  parts.style.setProperty('--n', structure.n);
  let touched = null;
  const grid = drawGrid(parts, structure, words, (cells, last) => {
    // Asked of the model, not of what is painted: two keys may be pressed within one frame.
    const now = { ...structure, ...readLive(model, structure) };
    const mask = combine(now);
    touched = last;
    put({ painted: paint(now, cells, !cells.some(([i, j]) => mask[i][j])) });
  });
  const elsewhere = drawWritten(parts, structure, words);
  const status = html('p', { class: 'attn-lab-status' }, parts.firstChild);
  return (now) => {
    const mask = combine(now);
    const weights = now.scores.map((row, i) => maskedSoftmax(row, mask[i]));
    grid({ ...now, mask, weights });
    elsewhere({ ...now, mask });
    const summary = summarise(now, mask, words);
    write(status, summary);
    const cell = touched ? `${touched()}. ` : ''; // spoken first: it is what the reader's hand is on
    touched = null;
    return { numbers: { mask, weights }, told: cell + summary };
  };
}

/** What there is to say about a mask. */
function summarise({ n, tokens }, mask, words) {
  const count = mask.flat().filter(Boolean).length;
  const empty = tokens.filter((_, i) => !mask[i].includes(true)).join(', ');
  return [
    say(words.count, { count, all: n * n }),
    empty && say(words.nobody, { tokens: empty, weight: fixed(1 / n) }),
  ].filter(Boolean).join(' ');
}

/** A table of cells with the names of queries and keys around it. */
function drawTable(parent, attributes, tokens, caption) {
  const table = html('table', attributes, parent);
  if (tokens.some((token) => token.length > 2)) table.classList.add('attn-long');
  html('caption', { class: 'attn-hidden' }, table, caption);
  const head = html('tr', {}, html('thead', {}, table));
  html('td', {}, head);
  const columns = tokens.map((token) => html('th', { scope: 'col', title: token }, head, token));
  const body = html('tbody', {}, table);
  const rows = tokens.map((token) => {
    const row = html('tr', {}, body);
    const name = html('th', { scope: 'row', title: token }, row, token);
    return { row, name, cells: tokens.map(() => html('td', {}, row)) };
  });
  return { table, columns, rows };
}

function drawGrid(parent, { n, tokens }, words, toggle) {
  const panel = html('div', { class: 'attn-lab-grid' }, parent);
  const title = html('p', { class: 'attn-title' }, panel, words.weights);
  html('span', { class: 'attn-detail' }, title, `${words.query} ↓ ${words.key} →`);
  const scroller = html('div', { class: 'attn-scroller' }, panel);
  const { table, columns, rows } = drawTable(scroller, { class: 'attn-cells', role: 'grid' }, tokens, words.weights);
  const name = (i) => (tokens.indexOf(tokens[i]) === tokens.lastIndexOf(tokens[i]) ? tokens[i] : `${tokens[i]} ${i + 1}`);

  // Names and cells make up one grid, of which one place at a time can be reached by Tab. Row and
  // column −1 are the names: they stand for a whole column or row.
  const at = (i, j) => (i < 0 ? columns[j] : j < 0 ? rows[i].name : rows[i].cells[j]);
  const span = (place) => (place < 0 ? [...tokens.keys()] : [place]);
  let here = [0, 0];
  const move = (i, j) => {
    if (i >= -1 && j >= -1 && i < n && j < n && (i >= 0 || j >= 0)) at(i, j).focus();
  };
  const press = () => {
    const [i, j] = here;
    toggle(span(i).flatMap((row) => span(j).map((column) => [row, column])), () => at(i, j).getAttribute('aria-label'));
  };
  for (const i of [-1, ...tokens.keys()]) {
    for (const j of [-1, ...tokens.keys()]) {
      if (i < 0 && j < 0) continue;
      const role = i < 0 ? 'columnheader' : j < 0 ? 'rowheader' : 'gridcell';
      const label = i < 0 ? `${words.key} ${name(j)}` : `${words.query} ${name(i)}`;
      set(at(i, j), { role, tabindex: i || j ? -1 : 0, 'aria-label': label });
      at(i, j).addEventListener('focus', () => {
        set(at(...here), { tabindex: -1 });
        here = [i, j];
        set(at(i, j), { tabindex: 0 });
      });
      at(i, j).addEventListener('click', () => {
        move(i, j);
        press();
      });
    }
  }
  const step = (down, right) => () => move(here[0] + down, here[1] + right);
  onKeys(table, {
    ArrowLeft: step(0, -1),
    ArrowRight: step(0, 1),
    ArrowUp: step(-1, 0),
    ArrowDown: step(1, 0),
    Home: () => move(here[0], 0),
    End: () => move(here[0], n - 1),
    ' ': press,
    Enter: press,
  });

  const numbers = rows.map(({ cells }) => cells.map((cell) => html('span', {}, cell)));
  const tint = (cell, value) => {
    if (cell.style.getPropertyValue('--weight') !== value) cell.style.setProperty('--weight', value);
  };
  const digits = (weight) => (n > 6 ? fixed(weight).replace(/^0(?=\.)|\.00$/, '') : fixed(weight));
  return ({ mask, weights, scores, painted }) => {
    const paints = new Set(painted.map(([i, j]) => i * n + j));
    mask.forEach((row, i) => row.forEach((may, j) => {
      const weight = weights[i][j];
      const byHand = paints.has(i * n + j);
      const kind = [may ? '' : 'attn-forbidden', byHand ? 'attn-painted' : ''];
      const dark = [weight > 0.6 ? 'attn-over-60' : '', weight > 0.84 ? 'attn-over-84' : ''];
      const told = [may ? words.allowed : words.forbidden, byHand ? words.painted : ''].filter(Boolean).join(', ');
      set(at(i, j), {
        class: [...kind, ...dark].filter(Boolean).join(' '),
        'aria-label': `${words.query} ${name(i)}, ${words.key} ${name(j)}: ${told}, ${words.score} ${fixed(scores[i][j])}, ${words.weight} ${fixed(weight)}`,
      });
      tint(at(i, j), `${(100 * weight).toFixed(1)}%`);
      write(numbers[i][j], may ? digits(weight) : '0');
    }));
    rows.forEach(({ row }, i) => set(row, { class: mask[i].includes(true) ? '' : 'attn-nobody' }));
  };
}

function drawWritten(parent, { n, tokens }, words) {
  const panel = html('div', { class: 'attn-lab-written' }, parent);
  const title = html('p', { class: 'attn-title' }, panel);
  const note = html('p', { class: 'attn-note' }, panel);
  const { rows } = drawTable(panel, { class: 'attn-cells' }, tokens, words.written);
  const texts = rows.map(({ cells }) => cells.map((cell) => html('span', {}, cell)));
  const code = html('pre', {}, panel);
  return (state) => {
    const { name, meaning, use } = CONVENTIONS[state.convention];
    write(title, name);
    write(note, words[meaning]);
    state.mask.forEach((row, i) => row.forEach((may, j) => {
      set(rows[i].cells[j], { class: may ? '' : 'attn-forbidden' });
      write(texts[i][j], written(meaning, may, n > 6));
    }));
    const lines = [...build(state), use];
    if (code.textContent === lines.join('')) return;
    code.replaceChildren(...lines.map((line) => html('code', { class: line.startsWith('#') ? 'attn-idle' : '' }, null, line)));
  };
}

export default liveFigure({
  structure: ['tokens', 'scores'],
  live: ['valid_len', 'is_causal', 'window', 'painted', 'convention'],
  readStructure,
  readLive,
  draw,
});
