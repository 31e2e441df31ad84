// Reads phrases as PhraseReader does, for test_reading.py: state and cases come from the standard input.

import fs from 'node:fs';

import { consider, numbersOf } from '../../../attnlib/widgets/static/reading.js';
import { readModel } from '../../../attnlib/widgets/static/reading_model.js';

const { state, cases } = JSON.parse(fs.readFileSync(0, 'utf8'));
const reader = readModel((name) => state[name], state.limits);
process.stdout.write(JSON.stringify(cases.map((each) => numbersOf(consider(reader, state.limits, each)))));
