// Rebuilds widgets from the state that a notebook carries, with no kernel behind them.
//
// It implements the part of the IWidgetManager interface that models and views call. Unlike the
// stock managers it never swallows an error into a "broken widget" view: whatever goes wrong while
// a figure is built rejects `show`, so that the page can keep the figure's still picture instead.

import { Widget } from '@lumino/widgets';

const REFERENCE = /IPY_MODEL_([^"\\]+)/g;

/**
 * Partition the saved models into groups that know nothing of each other. Links refer to the
 * widgets they join, while no widget refers to a link, so references count in both directions.
 *
 * @param {Object<string, object>} saved model id -> {model_module, model_name, state}
 * @returns {Map<string, string[]>} model id -> all ids of its group
 */
export function groups(saved) {
  const group = new Map(Object.keys(saved).map((id) => [id, [id]]));
  for (const [id, { state }] of Object.entries(saved)) {
    for (const [, other] of JSON.stringify(state).matchAll(REFERENCE)) {
      const [mine, theirs] = [group.get(id), group.get(other)];
      if (!theirs || mine === theirs) continue; // a dangling reference fails later, by name
      mine.push(...theirs);
      for (const member of theirs) group.set(member, mine);
    }
  }
  return group;
}

export class StaticManager {
  #saved;
  #modules;
  #models = new Map();
  #views = [];

  /**
   * @param {Object<string, object>} saved the models that may be built
   * @param {Object<string, Object<string, Function>>} modules module name -> class name -> class
   */
  constructor(saved, modules) {
    this.#saved = saved;
    this.#modules = modules;
  }

  /** Build a view with all its models and child views, and attach it to `host`. */
  async show(modelId, host) {
    const models = await Promise.all(Object.keys(this.#saved).map((id) => this.get_model(id)));
    const model = models.find((each) => each.model_id === modelId);
    if (!model) throw new Error(`the page holds no state for the widget ${modelId}`);
    const view = await this.create_view(model);
    Widget.attach(view.luminoWidget, host);
    // A box adds its children after it has rendered: wait until no new view turns up.
    for (let count = 0; count !== this.#views.length; ) {
      count = this.#views.length;
      await Promise.all(this.#views);
    }
  }

  has_model(id) {
    return Object.hasOwn(this.#saved, id);
  }

  get_model(id) {
    if (!this.#models.has(id)) this.#models.set(id, this.#build(id));
    return this.#models.get(id);
  }

  async #build(id) {
    if (!this.has_model(id)) throw new Error(`the page holds no state for the widget ${id}`);
    const { model_module, model_name, state, buffers } = this.#saved[id];
    if (buffers?.length) throw new Error(`${model_name} has binary traits: use lists of numbers`);
    const Model = this.#find(model_module, model_name);
    const attributes = await Model._deserialize_state(state, this);
    return new Model(attributes, { widget_manager: this, model_id: id });
  }

  #find(module, name) {
    const found = this.#modules[module]?.[name];
    if (!found) throw new Error(`${module}.${name} is not among book/web/known_widgets.json`);
    return found;
  }

  create_view(model, options = {}) {
    const view = this.#render(model, options);
    this.#views.push(view);
    return view;
  }

  async #render(model, options) {
    const View = this.#find(model.get('_view_module'), model.get('_view_name'));
    const view = new View({ model, options });
    view.listenTo(model, 'destroy', view.remove);
    await view.render();
    return view;
  }

  callbacks() {
    return {};
  }

  resolveUrl(url) {
    return Promise.resolve(url);
  }

  /** Descriptions that ask for HTML get plain text: nothing in the book needs more. */
  inline_sanitize(html) {
    const text = new DOMParser().parseFromString(html, 'text/html').body.textContent;
    const element = document.createElement('i');
    element.textContent = text;
    return element.innerHTML;
  }
}
