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

/** A text with each `{name}` replaced by the fact of that name. */
export const say = (text, facts) => text.replace(/\{(\w+)\}/g, (all, name) => (Object.hasOwn(facts, name) ? facts[name] : all));

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

/** A titled place for a drawing; `draw(place)` fills it, and a note, if any, goes below. Returns what `draw` returned. */
export function panel(parent, title, note, draw) {
  const place = html('div', { class: 'attn-panel' }, parent);
  html('p', { class: 'attn-title' }, place, title);
  const drawn = draw(place);
  if (note) html('p', { class: 'attn-note' }, place, note);
  return drawn;
}

/** Let keys act: `actions` is key name -> function. Browsers keep their own keys (Alt and an arrow: back). */
export function onKeys(element, actions) {
  element.addEventListener('keydown', (event) => {
    if (!Object.hasOwn(actions, event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    actions[event.key](event);
  });
}

/** The line on top of a figure: a hint, and the button that puts all back. */
function head(root, words, reset) {
  set(root, { role: 'group', 'aria-label': words.figure });
  const bar = html('div', { class: 'attn-bar' }, root);
  html('p', { class: 'attn-hint' }, bar, words.hint);
  html('button', { class: 'attn-button', type: 'button' }, bar, words.reset).addEventListener('click', reset);
}

/** An invisible text that screen readers speak once it has stood still for a moment. */
function liveRegion(parent, signal, delay = 700) {
  const region = html('div', { class: 'attn-hidden', role: 'status', 'aria-live': 'polite' }, parent);
  let timer;
  signal.addEventListener('abort', () => clearTimeout(timer));
  return (text) => {
    clearTimeout(timer);
    timer = setTimeout(() => write(region, text), delay);
  };
}

// --- traits: whatever comes in is checked, for the message is what the reader sees ------------------

/** A trait that cannot be used: the text with this key in `words.errors` says so, with the facts put in. */
export class Refused extends Error {
  constructor(key, facts) {
    super(`${key} ${JSON.stringify(facts)}`);
    Object.assign(this, { key, facts });
  }
}

// JSON writes NaN as null, which would hide what is wrong.
export const shown = (value) =>
  String(JSON.stringify(value, (_, v) => (typeof v === 'number' && !Number.isFinite(v) ? String(v) : v))).slice(0, 60);

export function readNumber(model, name) {
  const value = model.get(name);
  if (!Number.isFinite(value)) throw new Refused('not_finite', { name, got: shown(value) });
  return value;
}

export function readWhole(model, name, least, most) {
  const value = readNumber(model, name);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new Refused('not_whole', { name, least, most, got: value });
  }
  return value;
}

export function readFlag(model, name) {
  const value = model.get(name);
  if (typeof value !== 'boolean') throw new Refused('not_flag', { name, got: shown(value) });
  return value;
}

/** Values by name. */
function readNamed(model, name) {
  const values = model.get(name);
  if (!values || typeof values !== 'object') throw new Refused('not_named', { name, got: shown(values) });
  return values;
}

/** Values by name, all of one type: to ask for another is an error, which would else be an "undefined" in the page. */
function readComplete(model, name, type) {
  const get = (values, key) => {
    if (typeof values[key] !== type) throw new Refused('missing', { name: `${name}.${key}`, got: shown(values[key]) });
    return values[key];
  };
  return new Proxy(readNamed(model, name), { get });
}

export function readTokens(model, name, most) {
  const tokens = model.get(name);
  if (!Array.isArray(tokens) || !tokens.length || !tokens.every((token) => typeof token === 'string')) {
    throw new Refused('not_texts', { name, got: shown(tokens) });
  }
  if (tokens.length > most) throw new Refused('too_many', { name, most, got: tokens.length });
  return tokens;
}

const isRow = (row, width) => Array.isArray(row) && row.length === width && row.every(Number.isFinite);

/** `width` finite numbers. */
export function readRow(model, name, width) {
  const row = model.get(name);
  if (!isRow(row, width)) throw new Refused('not_row', { name, width, got: shown(row) });
  return row;
}

/** `count` rows of `width` finite numbers. */
export function readRows(model, name, count, width) {
  const rows = model.get(name);
  if (!Array.isArray(rows) || rows.length !== count) {
    throw new Refused('not_rows', { name, count, got: rows?.length ?? shown(rows) });
  }
  const wrong = rows.findIndex((row) => !isRow(row, width));
  if (wrong >= 0) throw new Refused('not_row', { name: `${name}[${wrong}]`, width, got: shown(rows[wrong]) });
  return rows;
}

// --- the life of a figure ----------------------------------------------------------------------

/** What the reader is told in the place of a figure that cannot be drawn. */
function explain(error, words) {
  const { errors } = words ?? {};
  // The one English sentence of the figures: there is no other where the words themselves are damaged.
  if (typeof errors?.cannot_be_drawn !== 'string') return `This figure cannot be drawn: its words are damaged, ${shown(words)}.`;
  const known = typeof errors[error.key] === 'string';
  return say(errors.cannot_be_drawn, { error: known ? say(errors[error.key], error.facts) : error.message });
}

/**
 * Make the default export of a figure's module.
 *
 * Every figure has the traits `words` (its texts, among them figure, hint, reset and those of errors), `limits`
 * (numbers that Python and JavaScript share) and `start` (live trait -> its value when the figure was made, to
 * which "reset" returns).
 *
 * @param {object} figure
 * @param {string[]} figure.structure traits that decide which elements there are: all are drawn anew
 * @param {string[]} figure.live traits that controls change: they only call what `draw` returned
 * @param {(model, limits) => object} figure.readStructure the checked structure, read when it has changed; it
 *   throws `Refused`, as `readLive` does
 * @param {(model, structure) => object} figure.readLive what the controls say, checked, read in each frame
 * @param {(root, structure, {words, model, put}) => (state) => {numbers, told}} figure.draw builds the elements;
 *   `put` sets live traits. It returns the function that updates them, from structure and live traits, and tells
 *   what is shown: `numbers` in full precision (kept in data-numbers, where tests find them), `told` for a screen
 *   reader.
 */
export function liveFigure({ structure, live, readStructure, readLive, draw }) {
  const structural = ['words', 'limits', 'start', ...structure];

  function build(root, model, signal) {
    const words = readComplete(model, 'words', 'string');
    const limits = readComplete(model, 'limits', 'number');
    const start = readNamed(model, 'start');
    const missing = live.find((name) => !Object.hasOwn(start, name));
    if (missing) throw new Refused('no_start', { names: live.join(', '), missing });
    const put = (changes) => {
      for (const [name, value] of Object.entries(changes)) model.set(name, value);
      model.save_changes();
    };
    const whole = { limits, ...readStructure(model, limits) };
    head(root, words, () => put(start));
    const update = draw(root, whole, { words, model, put });
    const speak = liveRegion(root, signal);
    let first = true; // the opening state can be read; only changes are spoken
    return () => {
      const { numbers, told } = update({ ...whole, ...readLive(model, whole) });
      root.dataset.numbers = JSON.stringify(numbers);
      if (!first) speak(told);
      first = false;
    };
  }

  function render({ model, el }) {
    const root = html('div', { class: 'attn-figure' }, el);
    let drawn = new AbortController();
    let update = null;
    let frame = 0;

    const clear = () => {
      drawn.abort();
      drawn = new AbortController();
      root.replaceChildren();
      update = null;
    };
    const paint = () => {
      frame = 0;
      try {
        if (!update) {
          clear();
          update = build(root, model, drawn.signal);
        }
        update();
      } catch (error) {
        clear();
        html('p', { class: 'attn-error', role: 'alert' }, root, explain(error, model.get('words')));
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
    for (const name of structural) model.on(`change:${name}`, afresh);
    for (const name of live) model.on(`change:${name}`, soon);
    paint();
    return () => {
      cancelAnimationFrame(frame);
      drawn.abort();
      for (const name of structural) model.off(`change:${name}`, afresh);
      for (const name of live) model.off(`change:${name}`, soon);
    };
  }
  return { render };
}
