// Goes on from texts as InductionLab does, for test_induction.py: state and cases come from the standard input.

import fs from 'node:fs';

import { consider, numbersOf } from '../../../attnlib/widgets/static/induction.js';
import { readInduction } from '../../../attnlib/widgets/static/induction_model.js';

const { state, cases } = JSON.parse(fs.readFileSync(0, 'utf8'));
const { limits } = state;
const structure = { limits, induction: readInduction((name) => state[name], limits) };
process.stdout.write(JSON.stringify(cases.map((each) => numbersOf(each, consider(structure, each)))));
