// What a page does beside its figures: panels that open over it, and tab stops.

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
