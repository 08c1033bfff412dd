'use strict';
// Tells a page that shows this one in a frame how high it is. Any page may know
// that, and the frame may have no origin of its own.
if (parent !== window) {
  const page = document.documentElement;
  // The frame grows, but pictures fit the height that it begins with.
  page.style.setProperty('--view', `${innerHeight}px`);
  new ResizeObserver(() => {
    const height = Math.ceil(page.getBoundingClientRect().height);
    parent.postMessage({height}, '*');
  }).observe(page);
}
