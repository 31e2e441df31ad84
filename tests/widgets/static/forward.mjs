// Runs transformer.js on cases from the standard input, for test_transformer_js.py; masks travel as lists.

import fs from 'node:fs';

import * as transformer from '../../../attnlib/widgets/static/transformer.js';

const mayOf = (mask) => mask && ((query, key, head) => Boolean(mask[head % mask.length][query][key]));

const KINDS = {
  linear: ({ tensors, x }) => ({ x: transformer.linear(x, tensors.weight, tensors.bias) }),
  norm: ({ tensors, x }) => ({ x: transformer.norm(tensors, 'norm', x) }),
  feedForward: ({ tensors, x, options }) => ({ x: transformer.feedForward(tensors, 'part', x, options.activation) }),
  sinusoids: ({ options }) => ({ x: transformer.sinusoids(options.length, options.width, options.base, options.offset) }),
  rotate: ({ x, options }) => ({ x: transformer.rotate(x, options.headDim, options.base, options.offset) }),
  embed: ({ tensors, options }) => ({ x: transformer.embed(options.ids, tensors.weight) }),
  multiHead: ({ tensors, x, options }) => {
    const may = options.causal ? transformer.causal(x.length, (options.memory ?? x).length) : mayOf(options.mask);
    const { output, weights } = transformer.multiHead(tensors, 'part', x, { ...options, may });
    return { x: output, weights };
  },
  block: ({ tensors, x, options }) => {
    const may = options.causal ? transformer.causal(x.length, x.length) : mayOf(options.mask);
    const { x: out, ...weights } = transformer.block(tensors, 'part', x, { ...options, may, mayCross: mayOf(options.memoryMask) });
    return { x: out, ...weights };
  },
};

// Typed arrays would be written as objects.
const plain = (_, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
const cases = JSON.parse(fs.readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(cases.map((each) => KINDS[each.kind](each)), plain));
