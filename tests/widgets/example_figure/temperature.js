// TemperatureExplorer: the weights of some scores, divided by a temperature; see temperature.py.

import { fixed, html, liveFigure, readNumber, readRow, softmax, write } from './common.js';

function read(model) {
  const temperature = readNumber(model, 'temperature');
  if (temperature <= 0) throw new Error(`temperature must be above 0, got ${temperature}`);
  return { scores: readRow(model, 'scores', 3), temperature };
}

function draw(root, { scores }, { words }) {
  html('p', { class: 'attn-title' }, root, words.weights);
  const list = html('ol', {}, root);
  const items = scores.map(() => html('li', {}, list));
  return ({ temperature }) => {
    const weights = softmax(scores.map((score) => score / temperature));
    items.forEach((item, i) => write(item, fixed(weights[i], 3)));
    return {
      numbers: { temperature, weights },
      told: `${words.weights}: ${weights.map((weight) => fixed(weight)).join(', ')}.`,
    };
  };
}

export default liveFigure({ structure: ['scores'], live: ['temperature'], read, draw });
