(function () {
  "use strict";
  const all = (selector, within) => Array.from((within || document).querySelectorAll(selector));
  const figures = all(".chart");
  const note = document.querySelector("#charts-note");
  if (!figures.length || !note) return;

  /* A chart holds all rows of its workload and concurrency; those outside the filter fade. */
  document.addEventListener("rowschosen", ({ detail: state }) => {
    const { inside } = state;
    const concurrencies = figures.map((figure) => Number(figure.dataset.concurrency));
    const concurrency = state.concurrency || String(Math.min(...concurrencies));
    let shown = 0, faded = false;
    for (const figure of figures) {
      figure.hidden = figure.dataset.concurrency !== concurrency
        || Boolean(state.workload && figure.dataset.workload !== state.workload);
      if (figure.hidden) continue;
      shown += 1;
      for (const mark of all("svg [data-row]", figure)) {
        mark.classList.toggle("outside", !inside.has(mark.dataset.row));
      }
      for (const line of all("tr[data-row]", figure)) {
        line.hidden = !inside.has(line.dataset.row);
        faded = faded || line.hidden;
      }
    }
    note.textContent = shown === 0 ? "No chart: nothing was measured at this concurrency."
      : faded ? "Faded bars are outside the filter; the tables under the charts leave them out." : "";
  });
})();
