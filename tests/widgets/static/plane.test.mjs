import assert from 'node:assert/strict';
import { test } from 'node:test';

import { dot } from '../../../attnlib/widgets/static/common.js';
import {
  away, convexHull, gridStep, labelPlaces, project, squareAround,
} from '../../../attnlib/widgets/static/plane.js';

const near = (a, b) => Math.abs(a - b) < 1e-12;

test('project: the foot lies on the line, and what is left is perpendicular to it', () => {
  assert.deepEqual(project([2, -1], [1, 1]), [0.5, 0.5]);
  for (const [point, direction] of [[[2, -1], [3, 5]], [[-7, 2], [0.5, -11]], [[1, 1], [-1, 0]]]) {
    const foot = project(point, direction);
    assert.ok(near(foot[0] * direction[1], foot[1] * direction[0]));
    assert.ok(near(dot([point[0] - foot[0], point[1] - foot[1]], direction), 0));
  }
});

test('project onto nothing is the origin, not NaN', () => {
  assert.deepEqual(project([3, 4], [0, 0]), [0, 0]);
});

test('convexHull keeps the corners only, counter-clockwise', () => {
  const square = [[0, 0], [2, 0], [2, 2], [0, 2]];
  const inside = [[1, 1], [1, 0], [2, 1], [0.5, 1.5]];
  assert.deepEqual(convexHull([...inside, ...square]), square);
  assert.deepEqual(convexHull([[1, 3], [-1, 3], [-1, 1]]), [[-1, 1], [1, 3], [-1, 3]]);
});

test('convexHull of points that span no area', () => {
  assert.deepEqual(convexHull([[1, 2]]), [[1, 2]]);
  assert.deepEqual(convexHull([[3, 3], [1, 1]]), [[1, 1], [3, 3]]);
  assert.deepEqual(convexHull([[3, 3], [1, 1], [2, 2]]), [[1, 1], [3, 3]]);
  assert.deepEqual(convexHull([[1, 1], [1, 1], [1, 1]]), [[1, 1]]);
});

test('convexHull does not reorder its input', () => {
  const points = [[3, 1], [1, 2], [2, 5]];
  convexHull(points);
  assert.deepEqual(points, [[3, 1], [1, 2], [2, 5]]);
});

test('gridStep is 1, 2 or 5 times a power of ten, and leaves few lines', () => {
  assert.equal(gridStep(6.78), 1);
  assert.equal(gridStep(8.1), 2);
  assert.ok(near(gridStep(0.03), 0.005));
  for (const length of [0.0123, 0.7, 1, 3, 42, 999, 123456]) {
    const lines = length / gridStep(length);
    assert.ok(lines <= 8 && lines > 3, `${lines} lines over ${length}`);
  }
});

test('squareAround holds the points and the origin with a margin, also for a single point', () => {
  for (const points of [[[1, 3], [-1, 3], [-1, 1]], [[5, 5]], [[0, 0]], [[-40, 2], [-3, 900]]]) {
    const [left, bottom, size] = squareAround(points);
    for (const [x, y] of [...points, [0, 0]]) {
      assert.ok(x > left && x < left + size && y > bottom && y < bottom + size, `(${x}, ${y})`);
    }
  }
});

test('away has the length asked for, and a direction even between equal points', () => {
  assert.deepEqual(away([1, 1], [4, 5], 10), [6, 8]);
  assert.deepEqual(away([2, 2], [2, 2], 10), [0, -10]);
});

test('labelPlaces: outwards; names of equal points stand apart', () => {
  const [place] = labelPlaces([[200, 160]], [160, 160]);
  assert.ok(place[0] > 230 && near(place[1], 160));
  const places = labelPlaces([[200, 160], [200, 160], [200, 160]], [160, 160]);
  for (let i = 0; i < 3; i += 1) {
    for (let j = 0; j < i; j += 1) {
      const apart = Math.hypot(places[i][0] - places[j][0], places[i][1] - places[j][1]);
      assert.ok(apart > 30, `labels ${j} and ${i} are ${apart} apart`);
    }
  }
});
