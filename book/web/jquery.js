// All that the controls ask of jQuery (24 kB gzipped): an element in a list of one, of which they take the
// first. Whatever else somebody asked would be an error: tests/figures/test_controls.py.

module.exports = function $(element) {
  return Object.assign(Object.create($.prototype), { 0: element, length: 1 });
};
