/* The address of a figure that stood on its place's page, before that was divided by models, leads
   to where the figure stands now: its id begins with the model's. */
(function () {
  "use strict";
  const id = location.hash.slice(1);
  if (!id || document.getElementById(id)) return;
  const named = Array.from(document.querySelectorAll("a[data-model]"))
    .filter((link) => id.startsWith(link.dataset.model + "-"))
    .sort((a, b) => b.dataset.model.length - a.dataset.model.length);
  if (named.length) location.replace(named[0].href + location.hash);
})();
