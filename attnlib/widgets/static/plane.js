// A square piece of the plane with a grid, arrows and names: for figures about two-dimensional vectors.

import { fixed, set, svg, write } from './common.js';

/** Side of a plane in SVG units; about one unit is one CSS pixel. */
export const SIDE = 320;

/** Foot of the perpendicular from `point` to the line through the origin along `direction`. */
export function project(point, direction) {
  const square = direction[0] ** 2 + direction[1] ** 2;
  if (square === 0) return [0, 0];
  const along = (point[0] * direction[0] + point[1] * direction[1]) / square;
  return [along * direction[0], along * direction[1]];
}

/** Convex hull, counter-clockwise (Andrew's monotone chain); points on an edge are left out. */
export function convexHull(points) {
  const sorted = [...points]
    .sort((a, b) => a[0] - b[0] || a[1] - b[1])
    .filter(([x, y], i, all) => !i || x !== all[i - 1][0] || y !== all[i - 1][1]);
  const turn = (a, b, c) => (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
  const half = (order) => {
    const chain = [];
    for (const point of order) {
      while (chain.length > 1 && turn(chain.at(-2), chain.at(-1), point) <= 0) chain.pop();
      chain.push(point);
    }
    return chain.slice(0, -1);
  };
  if (sorted.length < 3) return sorted;
  return [...half(sorted), ...half(sorted.reverse())];
}

/** Distance of grid lines: 1, 2 or 5 times a power of ten, at most `most` of them over `length`. */
export function gridStep(length, most = 8) {
  const power = 10 ** Math.floor(Math.log10(length / most));
  return power * [1, 2, 5, 10].find((factor) => length / (power * factor) <= most);
}

/** The smallest square on the grid that holds all points, the origin and a margin: [left, bottom, size]. */
export function squareAround(points, margin = 0.14) {
  const range = (axis) => {
    const values = [0, ...points.map((point) => point[axis])];
    return [Math.min(...values), Math.max(...values)];
  };
  const [[left, right], [bottom, top]] = [range(0), range(1)];
  const size = (Math.max(right - left, top - bottom) || 1) / (1 - 2 * margin);
  return [(left + right - size) / 2, (bottom + top - size) / 2, size];
}

/**
 * Draw an empty plane.
 *
 * @param {Element} parent
 * @param {object} attributes of the svg element: role, aria-label
 * @param {[number, number, number]} box [left, bottom, size] in the plane's own coordinates
 * @returns {{root, at, from, unit}} `at(point)` gives SVG units, `from(event)` the point under a pointer
 */
export function plane(parent, attributes, [left, bottom, size]) {
  const unit = SIDE / size;
  const at = ([x, y]) => [(x - left) * unit, SIDE - (y - bottom) * unit];
  const root = svg('svg', { class: 'attn-plane', viewBox: `0 0 ${SIDE} ${SIDE}`, ...attributes }, parent);
  const grid = svg('g', { 'aria-hidden': 'true' }, root);
  const step = gridStep(size);
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  for (let i = Math.ceil(left / step); i * step < left + size; i += 1) {
    const x = at([i * step, 0])[0];
    svg('line', { class: i ? 'attn-grid' : 'attn-axis', x1: x, x2: x, y1: 0, y2: SIDE }, grid);
    if (x > 16 && x < SIDE - 12) {
      svg('text', { class: 'attn-tick', x, y: SIDE - 6, 'text-anchor': 'middle' }, grid, fixed(i * step, digits));
    }
  }
  for (let i = Math.ceil(bottom / step); i * step < bottom + size; i += 1) {
    const y = at([0, i * step])[1];
    svg('line', { class: i ? 'attn-grid' : 'attn-axis', x1: 0, x2: SIDE, y1: y, y2: y }, grid);
    if (y > 12 && y < SIDE - 22) {
      svg('text', { class: 'attn-tick', x: 6, y: y + 4 }, grid, fixed(i * step, digits));
    }
  }
  const from = (event) => {
    const { left: x, top: y, width, height } = root.getBoundingClientRect();
    return [left + ((event.clientX - x) / width) * size, bottom + (1 - (event.clientY - y) / height) * size];
  };
  return { root, at, from, unit };
}

/** An arrow in SVG units; returns a function that moves it. `head` is the length of its tip. */
export function arrow(parent, name, head = 11) {
  const group = svg('g', { class: `attn-arrow ${name}` }, parent);
  const shaft = svg('line', {}, group);
  const tip = svg('path', {}, group);
  return ([x1, y1], [x2, y2]) => {
    const length = Math.hypot(x2 - x1, y2 - y1);
    const size = Math.min(head, length);
    const [ux, uy] = length ? [(x2 - x1) / length, (y2 - y1) / length] : [0, 0];
    const [bx, by] = [x2 - size * ux, y2 - size * uy];
    set(shaft, { x1, y1, x2: x2 - 0.8 * size * ux, y2: y2 - 0.8 * size * uy });
    const side = 0.42 * size;
    set(tip, { d: `M${x2},${y2}L${bx - side * uy},${by + side * ux}L${bx + side * uy},${by - side * ux}Z` });
  };
}

/** A name with a number below it, centred on a point; returns a function that moves and rewrites it. */
export function label(parent, name, title, value = '') {
  const text = svg('text', { class: `attn-label ${name}`, 'text-anchor': 'middle' }, parent);
  const size = title.length > 2 ? 'attn-name attn-long' : 'attn-name';
  const first = svg('tspan', { class: size }, text, title.length > 12 ? `${title.slice(0, 11)}…` : title);
  const second = svg('tspan', {}, text, value);
  return ([x, y], number = value) => {
    // Kept inside the plane: a name that leaves it would be cut off.
    const [left, top] = [Math.min(Math.max(x, 26), SIDE - 26), Math.min(Math.max(y, 22), SIDE - 24)];
    set(first, { x: left, y: top });
    set(second, { x: left, y: top + 17 });
    write(second, number);
  };
}

/** Vector from `from` towards `to`, `length` long; straight up if the two coincide. */
export function away(from, to, length) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const distance = Math.hypot(dx, dy);
  return distance ? [(dx / distance) * length, (dy / distance) * length] : [0, -length];
}

const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);

/**
 * Places for the labels of some points, in SVG units: outwards from `centre`, turned aside where that
 * would cover a point or an earlier label.
 */
export function labelPlaces(points, centre, length = 34) {
  const places = [];
  for (const point of points) {
    const [dx, dy] = away(centre, point, length);
    const candidates = [0, 45, -45, 90, -90, 135, -135, 180].map((degrees) => {
      const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
      // A label is wider than high.
      return [point[0] + 1.25 * (cos * dx - sin * dy), point[1] + sin * dx + cos * dy];
    });
    const room = (place) => Math.min(
      ...points.map((other) => distance(place, other)), // at best `length`: to its own point
      ...places.map((other) => distance(place, other) - 8),
    );
    places.push(candidates.find((place) => room(place) > 0.8 * length) ?? candidates[0]);
  }
  return places;
}
