// Returns what a reader cannot get to see: each text that is cut off and cannot be scrolled into view,
// each box that scrolls and cannot be scrolled by keyboard, and a page that scrolls sideways.
(within) => {
  const SLACK = 2; // pixels: rounding, and letters that lean out of their boxes
  const ABOVE = 0.35; // of its height: a font's ascent and descent reach beyond a tight line
  const FOCUSABLE = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
  const CONTAINS = /layout|paint|strict|content/;
  const root = document.documentElement;
  const chains = new Map(); // an element -> the boxes that may cut it off

  /** For screen readers alone: a box of a pixel, or one that is clipped to nothing. */
  const unseen = (element, style) => style.position === 'absolute'
    && (style.clipPath === 'inset(50%)' || (style.clip !== 'auto' && element.offsetWidth <= 2));

  /** What an element shows of its content along both axes, and how far that reaches. */
  function port(element, style) {
    const box = element.getBoundingClientRect();
    const left = box.left + element.clientLeft;
    const top = box.top + element.clientTop;
    const drawing = element.localName === 'svg';
    const side = (how, from, shown, scrolled, all) => (
      { how, from, to: from + shown, start: from - scrolled, end: from - scrolled + all });
    return {
      element,
      x: side(style.overflowX, left, drawing ? box.width : element.clientWidth, element.scrollLeft, element.scrollWidth),
      y: side(style.overflowY, top, drawing ? box.height : element.clientHeight, element.scrollTop, element.scrollHeight),
    };
  }

  function windowOf(fixed) {
    const side = (shown, scrolled, all) => (fixed ? { how: 'hidden', from: 0, to: shown }
      : { how: 'auto', from: 0, to: shown, start: -scrolled, end: all - scrolled });
    return {
      element: root,
      x: side(root.clientWidth, scrollX, root.scrollWidth),
      y: side(innerHeight, scrollY, root.scrollHeight),
    };
  }

  const windows = { fixed: windowOf(true), flowing: windowOf(false) };
  const facts = new Map(); // an element -> what its style says of what stands in it

  function read(element) {
    if (!facts.has(element)) {
      const style = getComputedStyle(element);
      const vector = element instanceof SVGElement;
      const cuts = style.overflowX !== 'visible' || style.overflowY !== 'visible';
      const aBox = vector ? element.localName === 'svg' : !['inline', 'contents'].includes(style.display);
      facts.set(element, {
        vector,
        unseen: unseen(element, style),
        position: style.position,
        holds: () => style.position !== 'static' || style.transform !== 'none' || CONTAINS.test(style.contain),
        port: cuts && aBox ? port(element, style) : null,
      });
    }
    return facts.get(element);
  }

  /** The boxes that may cut off what stands in an element, from the inside out; null: it is not seen. */
  function chain(element) {
    const found = [];
    let position = 'static';
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      const fact = read(at);
      if (fact.unseen) return null;
      if (position === 'fixed' || (position === 'absolute' && !fact.holds())) continue;
      if (fact.port) found.push(fact.port);
      if (!fact.vector) position = ['absolute', 'fixed'].includes(fact.position) ? fact.position : 'static';
    }
    return [...found, position === 'fixed' ? windows.fixed : windows.flowing];
  }

  /** Move [from, to] into what a box shows along one axis; null if that cannot be done. */
  function brought(span, side, slack) {
    const [from, to] = span;
    if (side.how === 'visible' || (from >= side.from - slack && to <= side.to + slack)) return span;
    if (side.how === 'hidden' || side.how === 'clip') return null;
    if (from < side.start - slack || to > side.end + slack) return null;
    const length = Math.min(to - from, side.to - side.from);
    const start = Math.min(Math.max(from, side.from), side.to - length);
    return [start, start + length];
  }

  const scrolled = new Set();

  /** The box that cuts a line of text off for good, if one does. */
  function cutBy(line, boxes) {
    let x = [line.left, line.right];
    let y = [line.top, line.bottom];
    for (const box of boxes) {
      const before = x;
      x = brought(x, box.x, SLACK);
      y = brought(y, box.y, Math.max(SLACK, ABOVE * line.height));
      if (!x || !y) return box.element;
      if (x !== before && box.element !== root) scrolled.add(box.element);
    }
    return null;
  }

  const complaints = [];
  const name = (element) => `${element.localName}.${element.getAttribute('class') ?? ''}`;
  const walker = document.createTreeWalker(document.querySelector(within), NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  let texts = 0;
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement;
    if (!node.data.trim() || element.closest('#pst-skip-link')) continue; // it comes with the focus
    if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    range.selectNodeContents(node);
    const lines = [...range.getClientRects()].filter(({ width, height }) => width && height);
    if (!chains.has(element)) chains.set(element, chain(element));
    const boxes = chains.get(element);
    if (!lines.length || !boxes) continue;
    texts += 1;
    const cutting = lines.map((line) => cutBy(line, boxes)).find(Boolean);
    if (cutting) complaints.push(`${JSON.stringify(node.data.trim().slice(0, 40))} in ${name(element)} is cut off by ${name(cutting)}`);
  }
  if (!texts) complaints.push(`no text in ${within}`);
  for (const box of scrolled) {
    if (!box.matches(FOCUSABLE) && !box.querySelector(FOCUSABLE)) complaints.push(`no keyboard scrolls ${name(box)}`);
  }
  if (root.scrollWidth > root.clientWidth) complaints.push('the page scrolls sideways');
  return complaints;
}
