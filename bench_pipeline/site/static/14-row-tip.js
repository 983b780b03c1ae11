/* All workloads of a row at once, when its speed is pointed at or reached by the keyboard. */
(function () {
  "use strict";
  const source = document.querySelector("#row-data");
  if (!source) return;
  const titles = Array.from(document.querySelector("#filters").elements.workload.options)
    .slice(1).map((option) => option.textContent);
  let data = null;

  function line(title, [, rate, interval, n]) {
    const element = document.createElement("span");
    const name = document.createElement("b");
    name.textContent = title;
    const unit = interval === undefined ? "" : " tok/s";
    element.append(name, " " + rate + unit + (interval ? " [" + interval + "]" : "")
      + (n ? ", n = " + n : "") + ".");
    return element;
  }
  /* Made before the tip's own listener looks for it: this one hears of it on the way down. */
  function describe(event) {
    const link = event.target.closest && event.target.closest("#tables .speed");
    if (!link || link.hasAttribute("aria-describedby")) return;
    data = data || JSON.parse(source.textContent);
    const row = link.closest("tr");
    const text = document.createElement("span");
    text.id = "tip-" + row.id;
    text.hidden = true;
    text.append(...data[row.id].map((figure, place) => line(titles[place], figure)));
    row.querySelector(".c-decode").append(text);
    link.setAttribute("aria-describedby", text.id);
  }
  document.addEventListener("mouseover", describe, true);
  document.addEventListener("focusin", describe, true);
})();
