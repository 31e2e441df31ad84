// TemperatureExplorer: the weights of some scores, divided by a temperature; see temperature.py.

import { fixed, html, liveFigure, readNumber, readRow, Refused, softmax, write } from './common.js';

/** The weights of scores at a temperature. */
export const cool = (scores, temperature) => softmax(scores.map((score) => score / temperature));

const readStructure = (model) => ({ scores: readRow(model, 'scores', 3) });

function readLive(model, { limits }) {
  const temperature = readNumber(model, 'temperature');
  if (!(temperature > 0 && temperature <= limits.temperature)) throw new Refused('range', { most: limits.temperature, got: temperature });
  return { temperature };
}

function draw(root, { scores }, { words }) {
  html('p', { class: 'attn-title' }, root, words.weights);
  const list = html('ol', {}, root);
  const items = scores.map(() => html('li', {}, list));
  return ({ temperature }) => {
    const weights = cool(scores, temperature);
    items.forEach((item, i) => write(item, fixed(weights[i], 3)));
    return {
      numbers: { temperature, weights },
      told: `${words.weights}: ${weights.map((weight) => fixed(weight)).join(', ')}.`,
    };
  };
}

export default liveFigure({ structure: ['scores'], live: ['temperature'], readStructure, readLive, draw });
