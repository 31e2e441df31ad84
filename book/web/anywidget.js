// Hosts the book's own figures: the front-end contract of anywidget (https://anywidget.dev/en/afm/),
// "a module whose default export has render({ model, el })", for a page without a kernel.
//
// anywidget's own front end reports a failing module to nobody who could react and gives up after
// two seconds; here `render` rejects, and the page keeps the still picture.

import { DOMWidgetModel, DOMWidgetView } from '@jupyter-widgets/base';

const modules = new Map(); // source text -> promise of the evaluated module
const styles = new Set();

function evaluate(source) {
  if (/^https?:/.test(source)) throw new Error(`a figure's code must be in the page, not at ${source}`);
  if (!modules.has(source)) {
    const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    modules.set(source, import(url).finally(() => URL.revokeObjectURL(url)));
  }
  return modules.get(source);
}

function addStyle(css) {
  if (!css || styles.has(css)) return;
  styles.add(css);
  const sheet = new CSSStyleSheet(); // unlike a style element, no strict policy forbids it
  sheet.replaceSync(css);
  document.adoptedStyleSheets.push(sheet);
}

/** What a figure's code sees of its model; listeners of a removed view go with it. */
function face(model, context) {
  return {
    get: model.get.bind(model),
    set: model.set.bind(model),
    save_changes: model.save_changes.bind(model),
    send: model.send.bind(model),
    on: (name, callback) => model.on(name, callback, context),
    off: (name, callback) => model.off(name, callback, context),
    widget_manager: model.widget_manager,
  };
}

const experimental = { invoke: () => Promise.reject(new Error('there is no kernel behind a page')) };

export class AnyModel extends DOMWidgetModel {
  #front;

  /** The figure's {initialize, render}; `initialize` has run when the promise resolves. */
  front() {
    this.#front ??= (async () => {
      const { default: exported } = await evaluate(this.get('_esm'));
      const front = typeof exported === 'function' ? await exported() : exported;
      await front.initialize?.({ model: face(this, this), experimental });
      return front;
    })();
    return this.#front;
  }
}

export class AnyView extends DOMWidgetView {
  #gone = new AbortController();

  async render() {
    addStyle(this.model.get('_css'));
    const front = await this.model.front();
    const model = face(this.model, this);
    const cleanUp = await front.render?.({ model, el: this.el, experimental, signal: this.#gone.signal });
    this.once('remove', () => cleanUp?.());
  }

  remove() {
    this.#gone.abort();
    this.model.off(null, null, this);
    return super.remove();
  }
}
