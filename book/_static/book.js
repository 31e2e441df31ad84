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
  const stops = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute('tabindex');
    }
  });
  document.querySelectorAll('.bd-article :is(div.math, .pst-scrollable-table-container, pre)')
    .forEach((box) => stops.observe(box));
})();
