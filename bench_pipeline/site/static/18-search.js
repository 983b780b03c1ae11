/* Families of a divided front page by the names of their models. */
(function () {
  "use strict";
  const input = document.querySelector("[data-searches=families]");
  if (!input) return;
  const items = Array.from(document.querySelectorAll("#families li"));
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/);
    for (const item of items) {
      const names = item.textContent.toLowerCase() + " " + item.dataset.models;
      item.hidden = !words.every((word) => names.includes(word));
    }
  });
})();
