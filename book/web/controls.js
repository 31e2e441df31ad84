// The widgets that a page of the book may hold. Names: known_widgets.json, which the tests read too.

import * as base from '@jupyter-widgets/base';
import * as bool from '@jupyter-widgets/controls/lib/widget_bool';
import * as box from '@jupyter-widgets/controls/lib/widget_box';
import * as description from '@jupyter-widgets/controls/lib/widget_description';
import * as float from '@jupyter-widgets/controls/lib/widget_float';
import * as int from '@jupyter-widgets/controls/lib/widget_int';
import * as link from '@jupyter-widgets/controls/lib/widget_link';
import * as selection from '@jupyter-widgets/controls/lib/widget_selection';
import * as string from '@jupyter-widgets/controls/lib/widget_string';
import * as anywidget from './anywidget.js';
import known from './known_widgets.json';

/** Let the parts of a control be called by its visible description. */
function nameBy(view, ...parts) {
  view.label.id ||= `label-${view.cid}`;
  for (const part of parts) part.setAttribute('aria-labelledby', view.label.id);
}

// noUiSlider gives its handle a role and values, yet no name; the readout is an unnamed text field.
const named = (SliderView) =>
  class extends SliderView {
    createSlider() {
      super.createSlider();
      this.readout.setAttribute('role', 'textbox');
      nameBy(this, this.$slider.querySelector('.noUi-handle'), this.readout);
    }
  };

// A label without a tooltip gets the text "null" for one, which browsers show and read out.
description.DescriptionView.prototype.updateTooltip = function updateTooltip() {
  if (this.label) this.label.title = this.model.get('tooltip') ?? '';
};

// Which of the buttons is chosen is otherwise told by its colour alone.
class ToggleButtonsView extends selection.ToggleButtonsView {
  render() {
    super.render();
    this.buttongroup.setAttribute('role', 'group');
    nameBy(this, this.buttongroup);
  }

  update(options) {
    super.update(options);
    for (const each of this.buttongroup.children) {
      each.setAttribute('aria-pressed', each.classList.contains('mod-active'));
    }
  }
}

const sources = {
  '@jupyter-widgets/base': base,
  '@jupyter-widgets/controls': {
    ...bool, ...box, ...description, ...float, ...int, ...link, ...selection, ...string,
    IntSliderView: named(int.IntSliderView),
    FloatSliderView: named(float.FloatSliderView),
    ToggleButtonsView,
  },
  anywidget,
};

/** module name -> class name -> class, exactly what known_widgets.json lists */
export const modules = {};
for (const [module, names] of Object.entries(known)) {
  modules[module] = {};
  for (const name of names) {
    if (!sources[module][name]) console.error(`known_widgets.json: ${module} has no ${name}`);
    modules[module][name] = sources[module][name];
  }
}
