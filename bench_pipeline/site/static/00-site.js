/* Sorting, filters that live in the address, definitions on hover and focus, theme.
   Everything shown is already in the page: this chooses, it never computes a number.
   A classic script, because modules and fetch are refused on file://. */
(function () {
  "use strict";
  const all = (selector, within) => Array.from((within || document).querySelectorAll(selector));
  const one = (selector) => document.querySelector(selector);

  /* ---- theme ---- */
  const themes = ["auto", "light", "dark"];
  const themeButton = one("#theme");
  function setTheme(name) {
    document.documentElement.dataset.theme = name;
    themeButton.textContent = "Theme: " + name;
    try { localStorage.setItem("theme", name); } catch (error) { /* private window: not kept */ }
  }
  const kept = document.documentElement.dataset.theme;
  setTheme(themes.includes(kept) ? kept : "auto");
  themeButton.addEventListener("click", () => {
    const now = document.documentElement.dataset.theme;
    setTheme(themes[(themes.indexOf(now) + 1) % themes.length]);
  });

  /* ---- definitions and details of a number ---- */
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.body.append(tip);
  let tipOwner = null;
  let hiding = 0;
  function showTip(owner) {
    clearTimeout(hiding);
    const text = document.getElementById(owner.getAttribute("aria-describedby"));
    if (!text || owner === tipOwner) return;
    tip.replaceChildren(...Array.from(text.childNodes, (node) => node.cloneNode(true)));
    tip.hidden = false;
    tipOwner = owner;
    const box = owner.getBoundingClientRect();
    const own = tip.getBoundingClientRect();
    const room = document.documentElement.clientWidth - own.width - 8;
    const above = box.bottom + own.height + 8 > innerHeight && box.top > own.height + 8;
    tip.style.left = scrollX + Math.max(8, Math.min(box.left, room)) + "px";
    tip.style.top = scrollY + (above ? box.top - own.height - 6 : box.bottom + 6) + "px";
  }
  function hideTip() {
    clearTimeout(hiding);
    tip.hidden = true;
    tipOwner = null;
  }
  const described = (event) => event.target.closest && event.target.closest("[aria-describedby]");
  document.addEventListener("mouseover", (event) => {
    const owner = described(event);
    if (owner) showTip(owner);
    else if (tip.contains(event.target)) clearTimeout(hiding);
    else if (tipOwner && tipOwner !== document.activeElement) {
      clearTimeout(hiding);
      hiding = setTimeout(hideTip, 200);
    }
  });
  document.addEventListener("focusin", (event) => {
    const owner = described(event);
    if (owner) showTip(owner);
    else hideTip();
  });
  document.addEventListener("focusout", hideTip);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });

  /* ---- print: nothing stays folded ---- */
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("details:not([open])");
    folded.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((details) => { details.open = false; }));

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

  /* A chart holds all rows of its workload and concurrency; those outside the filter fade. */
  function applyCharts() {
    const inside = new Set(rows.filter((row) => !row.hidden).map((row) => row.id));
    const figures = all(".chart");
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
    one("#charts-note").textContent = shown === 0 ? "No chart: nothing was measured at this concurrency."
      : faded ? "Faded bars are outside the filter; the tables under the charts leave them out." : "";
  }

  function apply() {
    for (const name of filterNames) form.elements[name].value = state[name];
    form.elements.sort.value = state.sort === initial.sort ? "" : state.sort;
    applyRows();
    applyCharts();
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
