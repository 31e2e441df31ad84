// What a page does beside its figures: panels that open over it, tab stops, the mark in the list of contents.

(() => {
  // Where the focus goes when a panel closes: to the place that was chosen in it, else to the button that has opened
  // it, which the theme has left by then. The theme's own script comes later: this is asked first.
  let opener = null;
  let place = null;

  document.addEventListener('keydown', (event) => {
    if (!event.target.closest('dialog')) opener = null;
  }, true);
  document.addEventListener('click', (event) => {
    const dialog = event.target.closest('dialog');
    const link = event.target.closest('a[href]');
    if (!dialog) {
      opener = event.target.closest('button');
    } else if (link?.hash && link.pathname === location.pathname && link.search === location.search) {
      place = document.getElementById(decodeURIComponent(link.hash.slice(1)));
      dialog.close();
    }
  }, true);
  document.addEventListener('close', () => {
    const next = place ?? opener;
    if (place) place.tabIndex = -1; // no tab stop, yet Tab goes on from there
    place = null;
    setTimeout(() => next?.focus({ preventScroll: true })); // after the theme has put its nodes back
  }, true);

  // Whoever has no mouse scrolls with arrow keys what has the focus.
  const boxes = document.querySelectorAll('.bd-article :is(div.math, .pst-scrollable-table-container, pre)');
  const judge = (box) => {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute('tabindex');
  };
  const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => judge(target)));
  boxes.forEach((box) => sizes.observe(box));
  // What a box holds grows without it when a font comes late.
  document.fonts.addEventListener('loadingdone', () => boxes.forEach(judge));
})();

// The list of contents marks the section that is read. The theme does so only when a heading comes into the upper
// third of the window: not when one is left upwards, or jumped over.
(() => {
  const links = [...document.querySelectorAll('#pst-page-toc-nav a[href^="#"]')];
  const sections = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
  if (!links.length || sections.includes(null)) return;
  const entries = [...document.querySelectorAll('#pst-page-toc-nav .toc-entry')];

  /** The last section that has begun in the upper third; at the end of the page the one that was asked for, or the last. */
  function read() {
    const tops = sections.map((section) => section.getBoundingClientRect().top);
    const begun = tops.findLastIndex((top) => top <= 0.3 * innerHeight);
    if (scrollY + innerHeight < document.documentElement.scrollHeight - 2) return begun;
    const asked = links.findIndex(({ hash }) => hash === location.hash);
    return asked > begun && tops[asked] < innerHeight ? asked : links.length - 1;
  }

  /** Bring a link into view in the list, if that scrolls; the page itself stays where it is. */
  function reveal(link) {
    let list = link.parentElement;
    while (list && !(list.scrollHeight > list.clientHeight && /auto|scroll/.test(getComputedStyle(list).overflowY))) list = list.parentElement;
    if (!list || list === document.documentElement || list === document.body) return;
    const [{ top, bottom }, box] = [link.getBoundingClientRect(), list.getBoundingClientRect()];
    if (top < box.top || bottom > box.bottom) list.scrollTop += (top + bottom - box.top - box.bottom) / 2;
  }

  function mark() {
    const link = links[read()];
    if (links.every((each) => each.classList.contains('active') === (each === link))) return;
    for (const each of links) {
      each.classList.toggle('active', each === link);
      if (each === link) each.setAttribute('aria-current', 'true');
      else each.removeAttribute('aria-current');
    }
    for (const entry of entries) entry.classList.toggle('active', Boolean(link) && entry.contains(link));
    if (link) reveal(link);
  }

  let frame = 0;
  let rest = 0;
  const soon = () => {
    frame ||= requestAnimationFrame(() => { frame = 0; mark(); });
    clearTimeout(rest);
    rest = setTimeout(mark, 120); // once more after the theme, which looks later in a frame
  };
  for (const event of ['scroll', 'resize', 'hashchange', 'load']) addEventListener(event, soon, { passive: true });
})();
