// Heads that can be switched off.

import { html, Refused, shown } from './common.js';
import { badge } from './heads.js';

/** Whether each of so many heads is on. */
export function readSwitches(model, count) {
  const on = model.get('on');
  if (!Array.isArray(on) || on.length !== count || !on.every((each) => typeof each === 'boolean')) {
    throw new Refused('switches', { count, got: shown(on) });
  }
  return on;
}

/** A box to tick with the number of a head, in its colour; `toggle(head)` is called when it is; `name` is what is spoken. */
export function drawSwitch(parent, head, words, toggle, { name = `${words.head} ${head}`, color = head } = {}) {
  const label = html('label', { class: 'attn-heads-switch' }, parent);
  const box = html('input', { type: 'checkbox', 'aria-label': name }, label);
  box.addEventListener('change', () => toggle(head));
  badge(label, head, color);
  return box;
}
