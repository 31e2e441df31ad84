// What every live figure shares: small maths, elements, reading of traits, the life of a figure.
//
// A widget carries the text of one module only. attnlib/widgets/live_figure.py joins this file and a
// figure's own by dropping the `import … from "./…"` lines, so names are unique across the files.

// --- maths -----------------------------------------------------------------------------------

export const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

/** Weights of one row of scores; the largest score is subtracted first, so nothing overflows. */
export function softmax(scores) {
  const largest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/** Sum of `rows`, each multiplied by its weight. */
export const weightedSum = (weights, rows) =>
  rows[0].map((_, axis) => dot(weights, rows.map((row) => row[axis])));

/** A number for the reader: fixed digits, a real minus sign, never "−0.00". */
export function fixed(value, digits = 2) {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** A point for the reader, with as few digits as it needs: (1, −1), (0.33, 2.82). */
export const pair = (point, digits = 2) =>
  `(${point.map((value) => (Number.isInteger(value) ? fixed(value, 0) : fixed(value, digits))).join(', ')})`;

// --- elements: data goes in as text nodes and attributes, never as HTML --------------------------

function append(element, attributes, parent, text) {
  set(element, attributes);
  if (text !== undefined) element.textContent = text;
  parent?.append(element);
  return element;
}

/** Set attributes; only what has changed touches the page. */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    const text = String(value);
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const html = (tag, attributes = {}, parent = null, text = undefined) =>
  append(document.createElement(tag), attributes, parent, text);

export const svg = (tag, attributes = {}, parent = null, text = undefined) =>
  append(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, parent, text);

/** An invisible text that screen readers speak once it has stood still for a moment. */
export function liveRegion(parent, signal, delay = 700) {
  const region = html('div', { class: 'attn-hidden', role: 'status', 'aria-live': 'polite' }, parent);
  let timer;
  signal.addEventListener('abort', () => clearTimeout(timer));
  return (text) => {
    clearTimeout(timer);
    timer = setTimeout(() => write(region, text), delay);
  };
}

// --- traits: whatever comes in is checked, for the message is what the reader sees ------------------

// JSON writes NaN as null, which would hide what is wrong.
const shown = (value) =>
  String(JSON.stringify(value, (_, v) => (typeof v === 'number' && !Number.isFinite(v) ? String(v) : v))).slice(0, 60);

export function readNumber(model, name) {
  const value = model.get(name);
  if (!Number.isFinite(value)) throw new Error(`${name} must be a finite number, got ${shown(value)}`);
  return value;
}

export function readTokens(model, name, most) {
  const tokens = model.get(name);
  if (!Array.isArray(tokens) || !tokens.length || !tokens.every((token) => typeof token === 'string')) {
    throw new Error(`${name} must be a list of one or more texts, got ${shown(tokens)}`);
  }
  if (tokens.length > most) {
    throw new Error(`${name} must be at most ${most} to be told apart here, got ${tokens.length}`);
  }
  return tokens;
}

const isRow = (row, width) => Array.isArray(row) && row.length === width && row.every(Number.isFinite);

/** `width` finite numbers. */
export function readRow(model, name, width) {
  const row = model.get(name);
  if (!isRow(row, width)) throw new Error(`${name} must be ${width} finite numbers, got ${shown(row)}`);
  return row;
}

/** `count` rows of `width` finite numbers. */
export function readRows(model, name, count, width) {
  const rows = model.get(name);
  if (!Array.isArray(rows) || rows.length !== count) {
    throw new Error(`${name} must have ${count} rows, one for each token, got ${rows?.length ?? shown(rows)}`);
  }
  const wrong = rows.findIndex((row) => !isRow(row, width));
  if (wrong >= 0) {
    throw new Error(`${name}[${wrong}] must be ${width} finite numbers, got ${shown(rows[wrong])}`);
  }
  return rows;
}

// --- the life of a figure ----------------------------------------------------------------------

/**
 * Make the default export of a figure's module.
 *
 * @param {object} figure
 * @param {string[]} figure.structure traits that decide which elements there are: all are drawn anew
 * @param {string[]} figure.live traits that change often: they only call what `draw` returned
 * @param {(model) => object} figure.read the checked state; throws an Error for the reader's eyes
 * @param {(root, state, model, signal) => (state) => void} figure.draw builds the elements and returns
 *   the function that updates them
 */
export function liveFigure({ structure, live, read, draw }) {
  function render({ model, el }) {
    const root = html('div', { class: 'attn-figure' }, el);
    let drawn = new AbortController();
    let update = null;
    let frame = 0;

    const paint = () => {
      frame = 0;
      try {
        const state = read(model);
        if (!update) {
          drawn.abort();
          drawn = new AbortController();
          root.replaceChildren();
          update = draw(root, state, model, drawn.signal);
        }
        update(state);
      } catch (error) {
        drawn.abort();
        update = null;
        root.replaceChildren();
        html('p', { class: 'attn-error', role: 'alert' }, root, `This figure cannot be drawn: ${error.message}.`);
      }
    };
    // Several traits change in one go (a drag moves x and y): one painting a frame is enough.
    const soon = () => {
      frame ||= requestAnimationFrame(paint);
    };
    const afresh = () => {
      update = null;
      soon();
    };
    for (const name of structure) model.on(`change:${name}`, afresh);
    for (const name of live) model.on(`change:${name}`, soon);
    paint();
    return () => {
      cancelAnimationFrame(frame);
      drawn.abort();
      for (const name of structure) model.off(`change:${name}`, afresh);
      for (const name of live) model.off(`change:${name}`, soon);
    };
  }
  return { render };
}
