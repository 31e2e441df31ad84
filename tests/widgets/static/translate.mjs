// Translates texts as DateTranslator and CacheLab do, for test_translator.py and test_cache_lab.py: state and cases from the standard input.

import fs from 'node:fs';

import * as lab from '../../../attnlib/widgets/static/cache_lab.js';
import * as translator from '../../../attnlib/widgets/static/translator.js';
import { readTranslator } from '../../../attnlib/widgets/static/translator_model.js';

const { figure, state, cases } = JSON.parse(fs.readFileSync(0, 'utf8'));
const { consider, numbersOf } = figure === 'cache_lab' ? lab : translator;
const structure = {
  limits: state.limits, before: [...(state.before ?? '')], translator: readTranslator((name) => state[name], state.limits),
};
process.stdout.write(JSON.stringify(cases.map((each) => (figure === 'cache_lab'
  ? numbersOf(structure, each, consider(structure, each)) : numbersOf(each, consider(structure, each))))));
