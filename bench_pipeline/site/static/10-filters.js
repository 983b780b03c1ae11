/* Sorting and filters that live in the address.
   Everything shown is already in the page: this chooses, it never computes a number. Who draws
   the same rows listens for `rowschosen`: it carries the filters and the ids of the rows inside. */
(function () {
  "use strict";
  const all = (selector, within) => Array.from((within || document).querySelectorAll(selector));
  const one = (selector) => document.querySelector(selector);

  /* ---- filters and sorting of the front page ---- */
  const form = one("#filters");
  if (!form) return;
  const rows = all(".rows tbody tr");
  const columns = new Set(all(".rows thead th").map((th) => th.dataset.column));
  const initial = { sort: "decode", order: "desc" };
  const usualOrder = (column) => (column === "decode" ? "desc" : "asc");
  const filterNames = ["hardware", "backend", "workload", "concurrency"];
  let state = {};

  /* Only what the page knows is taken from the address: the rest is ignored. */
  function readAddress() {
    const asked = new URLSearchParams(location.search);
    const read = {};
    for (const name of filterNames) {
      const known = Array.from(form.elements[name].options, (option) => option.value);
      const value = asked.get(name) || "";
      read[name] = known.includes(value) ? value : "";
    }
    read.sort = columns.has(asked.get("sort")) ? asked.get("sort") : initial.sort;
    const order = asked.get("order");
    read.order = order === "asc" || order === "desc" ? order : usualOrder(read.sort);
    return read;
  }
  function writeAddress() {
    const written = new URLSearchParams();
    for (const name of filterNames) if (state[name]) written.set(name, state[name]);
    if (state.sort !== initial.sort) written.set("sort", state.sort);
    if (state.order !== usualOrder(state.sort)) written.set("order", state.order);
    const query = written.toString();
    history.pushState(null, "", (query ? "?" + query : location.pathname) + location.hash);
  }

  function shows(row) {
    const { hardware, backend, concurrency } = row.dataset;
    return (!state.hardware || hardware === state.hardware)
      && (!state.backend || backend === state.backend)
      && (!state.concurrency || !concurrency || concurrency === state.concurrency);
  }
  const shownFigure = (row) =>
    all(".speed > [data-workload]", row).find((span) => span.dataset.workload === state.workload);

  const collator = new Intl.Collator("en", { numeric: true });
  const numeric = ["decode", "concurrency"];
  function sortKey(row) {
    return state.sort === "decode" ? shownFigure(row).dataset.sort
      : row.querySelector(".c-" + state.sort).dataset.sort;
  }
  function compare(a, b) {
    const [x, y] = [sortKey(a), sortKey(b)];
    if (x === "" || y === "") return (x === "") - (y === "");   /* without a figure: last */
    const up = numeric.includes(state.sort) ? Number(x) - Number(y) : collator.compare(x, y);
    return state.order === "asc" ? up : -up;
  }

  const plural = (count, word) => count + " " + word + (count === 1 ? "" : "s");

  function applyRows() {
    for (const row of rows) {
      row.hidden = !shows(row);
      const figure = shownFigure(row);
      for (const part of all(".c-decode [data-workload]", row)) {
        part.hidden = part.dataset.workload !== state.workload;
      }
      const link = row.querySelector(".speed");
      link.dataset.rangeHref = link.dataset.rangeHref || link.getAttribute("href");
      link.setAttribute("href", figure.dataset.href || link.dataset.rangeHref);
      const bare = state.workload !== "" && figure.dataset.sort === "";
      row.querySelector(".c-decode").classList.toggle("missing", bare);
    }
    let familiesShown = 0;
    for (const family of all(".family")) {
      const own = all("tbody tr", family);
      const shown = own.filter((row) => !row.hidden).length;
      family.hidden = shown === 0;
      familiesShown += shown > 0;
      family.querySelector(".shown").textContent = shown < own.length ? " · " + shown + " shown" : "";
      own.sort(compare).forEach((row) => row.parentNode.append(row));
    }
    const shown = rows.filter((row) => !row.hidden).length;
    one("#shown").textContent = (shown === rows.length ? "" : shown + " of ")
      + plural(rows.length, "row") + ", " + (familiesShown === 1 ? "1 family" : familiesShown + " families");
    one("#nothing").hidden = shown > 0;
    for (const th of all(".rows thead th")) {
      if (th.dataset.column === state.sort) {
        th.setAttribute("aria-sort", state.order === "asc" ? "ascending" : "descending");
      } else th.removeAttribute("aria-sort");
    }
  }

  function apply() {
    for (const name of filterNames) form.elements[name].value = state[name];
    form.elements.sort.value = state.sort === initial.sort ? "" : state.sort;
    applyRows();
    queueMicrotask(() => document.dispatchEvent(new CustomEvent("rowschosen", { detail: {
      ...state, inside: new Set(rows.filter((row) => !row.hidden).map((row) => row.id)) } })));
  }
  function change(part) {
    state = { ...state, ...part };
    writeAddress();
    apply();
  }

  form.addEventListener("change", (event) => {
    const { name, value } = event.target;
    if (name === "sort") change({ sort: value || initial.sort, order: usualOrder(value || initial.sort) });
    else change({ [name]: value });
  });
  const showAll = () => change({ hardware: "", backend: "", workload: "", concurrency: "", ...initial });
  form.addEventListener("reset", (event) => { event.preventDefault(); showAll(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  one("[data-reset]").addEventListener("click", showAll);
  for (const button of all(".rows thead button")) {
    button.addEventListener("click", () => {
      const column = button.parentNode.dataset.column;
      const flipped = state.order === "asc" ? "desc" : "asc";
      change({ sort: column, order: column === state.sort ? flipped : usualOrder(column) });
    });
  }
  addEventListener("popstate", () => { state = readAddress(); apply(); });
  state = readAddress();
  apply();
})();
