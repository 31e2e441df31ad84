// Brings the figures of a page to life. Each stands in a `.live-figure` (book/_ext/live_figures.py)
// that shows a still picture until the figure has been built completely, and for good if it cannot.

import { modules } from './controls.js';
import { StaticManager, groups } from './manager.js';

const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';

function managers(saved) {
  const group = groups(saved);
  const made = new Map(); // a group of models -> its manager: figures that share models share it
  return (id) => {
    const ids = group.get(id) ?? [];
    if (!made.has(ids)) {
      const own = Object.fromEntries(ids.map((each) => [each, saved[each]]));
      made.set(ids, new StaticManager(own, modules));
    }
    return made.get(ids);
  };
}

async function bringToLife(figure, managerOf) {
  const live = document.createElement('div');
  live.className = 'live';
  figure.dataset.state = 'starting'; // laid out, so that it can be measured, yet not visible
  figure.append(live);
  try {
    const { model_id } = JSON.parse(figure.querySelector(VIEW).textContent);
    await managerOf(model_id).show(model_id, live);
    figure.dataset.state = 'alive';
    performance.mark('figure-alive');
  } catch (error) {
    live.remove();
    figure.dataset.state = 'failed';
    const note = document.createElement('p');
    note.className = 'live-figure-note';
    note.textContent = figure.dataset.cannotStart; // in the page's language: book/_ext/live_figures.py
    figure.append(note);
    console.error('live figure:', error);
  }
}

/** Put back what stands in the page once and is shared: book/_ext/plain_code.py. */
function whole(models) {
  for (const { state } of Object.values(models)) {
    for (const [trait, value] of Object.entries(state ?? {})) {
      if (value?.same_as) state[trait] = models[value.same_as[0]].state[value.same_as[1]];
    }
  }
  return models;
}

/** The models of the page; none if it is damaged, so that each figure says that it cannot start. */
function savedState() {
  try {
    return whole(JSON.parse(document.querySelector(STATE)?.textContent ?? '{}').state ?? {});
  } catch (error) {
    console.error('live figure:', error);
    return {};
  }
}

function start() {
  if (document.readyState === 'loading') return;
  document.removeEventListener('readystatechange', start);
  const figures = document.querySelectorAll('.live-figure');
  if (!figures.length) return;
  const managerOf = managers(savedState());
  // Figures further down cost nothing until the reader comes near.
  const nearby = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      nearby.unobserve(target);
      bringToLife(target, managerOf);
    }
  }, { rootMargin: '1200px 0px' });
  for (const figure of figures) nearby.observe(figure);
}

window.bookFigures = true; // the page asks for it when all has loaded: _templates/layout.html
// "interactive" comes before the deferred scripts of the theme run, DOMContentLoaded after them.
document.addEventListener('readystatechange', start);
start();
