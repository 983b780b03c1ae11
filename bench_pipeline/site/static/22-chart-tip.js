/* A mark's numbers, where the pointer is or a finger tapped: those of its row in the table under
   the drawing, which is what the keyboard and a screen reader have. So that small marks can be
   met, the nearest one within reach answers. */
(function () {
  "use strict";
  if (!document.querySelector(".drawing, .chart")) return;
  const all = (selector, within) => Array.from(within.querySelectorAll(selector));
  const reaches = { mouse: 12, pen: 16, touch: 28 };   /* px */
  const tip = document.createElement("div");
  tip.id = "chart-tip";
  tip.setAttribute("aria-hidden", "true");
  tip.hidden = true;
  document.body.append(tip);
  let pointed = [];

  function hide() {
    tip.hidden = true;
    pointed.forEach((mark) => mark.classList.remove("pointed"));
    pointed = [];
  }

  /* ---- which mark ---- */
  /* A figure's drawings share its table, or each has a part of it for itself. */
  function rowsOf(svg) {
    const figure = svg.closest("figure");
    const part = svg.closest("[data-part]");
    const rows = figure ? all("tbody tr[data-row]", figure) : [];
    return new Map(rows
      .filter((row) => !part || row.parentNode.dataset.part === part.dataset.part)
      .map((row) => [row.dataset.row, row]));
  }
  function distance(mark, event) {
    const box = mark.getBoundingClientRect();
    return Math.hypot(
      Math.max(box.left - event.clientX, 0, event.clientX - box.right),
      Math.max(box.top - event.clientY, 0, event.clientY - box.bottom));
  }
  function nearest(marks, event) {
    const own = event.target.closest("[data-row]");
    if (marks.includes(own)) return own;
    const measured = marks.map((mark) => [distance(mark, event), mark]);
    measured.sort(([one], [other]) => one - other);
    const within = measured.length && measured[0][0] <= (reaches[event.pointerType] || 12);
    return within ? measured[0][1] : null;
  }

  /* ---- what it says ---- */
  const worded = (cell) => Array.from(cell.childNodes)
    .filter((node) => !(node.dataset && node.dataset.aside !== undefined))
    .map((node) => node.textContent.trim()).filter((text) => text);
  function line(head, cell) {
    const [first, ...others] = worded(cell);
    if (!first || first === "–") return null;
    const element = document.createElement("span");
    const value = document.createElement("b");
    value.textContent = first;
    const named = cell.tagName === "TH" && !cell.classList.contains("num");
    element.append(named ? "" : worded(head).join(" ") + ": ", value, " " + others.join(" "));
    return element;
  }
  function write(row, svg) {
    const heads = all("thead th", row.closest("table"));
    const chosen = svg.closest("[data-shows]");
    const places = chosen ? chosen.dataset.shows.split(" ") : heads.keys();
    tip.replaceChildren(...Array.from(places, (place) => line(heads[place], row.children[place]))
      .filter((element) => element));
  }

  function show(event) {
    const svg = event.target.closest && event.target.closest(".drawing");
    const rows = svg ? rowsOf(svg) : new Map();
    const marks = rows.size ? all("[data-row]", svg).filter((mark) => rows.has(mark.dataset.row)) : [];
    const mark = marks.length ? nearest(marks, event) : null;
    hide();
    if (!mark) return;
    pointed = marks.filter((other) => other.dataset.row === mark.dataset.row);
    pointed.forEach((other) => other.classList.add("pointed"));
    write(rows.get(mark.dataset.row), svg);
    tip.hidden = false;
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    const finger = event.pointerType === "touch";
    const below = event.clientY + 16, above = event.clientY - tip.offsetHeight - (finger ? 24 : 12);
    const raised = above > 0 && (finger || below + tip.offsetHeight > innerHeight);
    tip.style.left = scrollX + Math.max(8, Math.min(event.clientX + 12, room)) + "px";
    tip.style.top = scrollY + (raised ? above : below) + "px";
  }

  /* A finger that rests or scrolls points at nothing: it taps. */
  document.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch") show(event);
  });
  document.addEventListener("click", show);
  document.documentElement.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "touch") hide();
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
})();
