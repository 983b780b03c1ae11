/* Filters, order and columns of the tables of configurations, all of it in the address.
   Every word shown is the page's own: this chooses, it never computes a number. Who shows the
   same rows in another way listens for `rowschosen`: it carries the choice and, as `inside`,
   the ids of the rows. */
(function () {
  "use strict";
  const all = (selector, within) => Array.from((within || document).querySelectorAll(selector));
  const one = (selector, within) => (within || document).querySelector(selector);
  const form = one("#filters");
  const picks = all("[data-pick]");
  if (!form && !picks.length) return;

  const rows = form ? all("#tables tbody tr") : [];
  const elsewhere = form ? all("#engine-only tbody tr") : [];   /* chosen alike, never ranked */
  const heads = all("#tables thead th");
  const kinds = new Map(heads.map((th) => [th.dataset.column, th.dataset.kind]));
  const ticks = all("#columns input");
  const usualColumns = ticks.filter((tick) => tick.defaultChecked).map((tick) => tick.value);
  const filterNames = ["rig", "workload", "concurrency", "backend", "family", "quant", "creator",
    "engine", "build", "mode", "cap"];
  const formerNames = { rig: "hardware" };   /* what a shared address of last year calls it */
  const initial = { sort: "decode", order: "desc" };
  const usualOrder = (column) => (column === "decode" ? "desc" : "asc");
  const home = location.pathname;
  let state = {};

  /* ---- the address: only what the page knows is taken from it ---- */
  function known(name) {
    if (form) return Array.from(form.elements[name].options, (option) => option.value);
    return picks.filter((pick) => pick.dataset.pick === name).map((pick) => pick.dataset.value);
  }
  function readAddress() {
    const asked = new URLSearchParams(location.search);
    const read = {};
    for (const name of filterNames) {
      const value = asked.get(name) || asked.get(formerNames[name]) || "";
      read[name] = known(name).includes(value) ? value : "";
    }
    read.q = form ? asked.get("q") || "" : "";
    read.sort = kinds.has(asked.get("sort")) ? asked.get("sort") : initial.sort;
    const order = asked.get("order");
    read.order = order === "asc" || order === "desc" ? order : usualOrder(read.sort);
    const wanted = (asked.get("columns") || "").split(",");
    const columns = ticks.map((tick) => tick.value).filter((name) => wanted.includes(name));
    read.columns = columns.length || asked.get("columns") === "" ? columns : usualColumns;
    return read;
  }
  function address() {
    const written = new URLSearchParams();
    for (const name of filterNames) if (state[name]) written.set(name, state[name]);
    if (state.q) written.set("q", state.q);
    if (state.sort !== initial.sort) written.set("sort", state.sort);
    if (state.order !== usualOrder(state.sort)) written.set("order", state.order);
    const columns = state.columns.join(",");
    if (columns !== usualColumns.join(",")) written.set("columns", columns);
    const query = written.toString().replaceAll("%2C", ",");
    return (query ? "?" + query : home) + location.hash;
  }

  /* ---- the first screen ---- */
  function applyAnswers() {
    const machines = all(".machine");
    if (!machines.length) return;
    const rig = state.rig || machines[0].dataset.rig;
    const tables = all(".answers", machines[0]);
    const workload = state.workload || tables[0].dataset.workload;
    for (const machine of machines) {
      machine.classList.toggle("later", machine.dataset.rig !== rig);
      for (const table of all(".answers", machine)) {
        table.hidden = table.dataset.workload !== workload;
      }
    }
    const chosen = { rig, workload };
    for (const pick of picks) {
      if (pick.dataset.value === chosen[pick.dataset.pick]) pick.setAttribute("aria-current", "true");
      else pick.removeAttribute("aria-current");
    }
    const table = one(".machine:not(.later) .answers:not([hidden])");
    one("#best-shown").textContent = one(".machine:not(.later) h3").textContent + ": "
      + one("caption", table).textContent + ", " + plural(all("tbody tr", table).length, "model");
  }

  /* ---- what a row says: its range over all workloads, or one workload's figure ---- */
  const places = form ? known("workload").slice(1) : [];
  const data = form ? JSON.parse(one("#row-data").textContent) : {};
  const metrics = ["prefill", "ttft", "energy", "ceiling", "throughput", "memory", "efficiency", "money"];
  const root = form ? one("#tables").dataset.root : "";
  const ranges = new Map();
  let worded = "";
  function parts(row) {
    return {
      link: one(".speed", row), cell: one(".c-decode", row), interval: one(".interval", row),
      reps: one(".reps", row), standing: one(".standing", row),
      badge: one(".badge:not(.failed)", row), flags: one(".flags", row),
      ofRange: one(".of-range", row),
      metrics: metrics.map((name) => one(".c-" + name, row)),
    };
  }
  function put(row, words) {
    const part = parts(row);
    part.link.setAttribute("href", words.href);
    part.link.textContent = words.rate;
    part.cell.classList.toggle("missing", words.missing);
    part.interval.textContent = words.interval;
    part.reps.replaceChildren();
    if (words.n) {
      const n = document.createElement("span");
      n.dataset.csv = "n";
      n.textContent = words.n;
      part.reps.append("n = ", n);
    }
    part.standing.textContent = words.standing;
    if (part.badge) {
      part.badge.className = "badge " + words.source;
      part.badge.textContent = words.source;
      part.badge.hidden = words.missing || words.source === "measured";
    }
    if (part.flags) {
      part.flags.textContent = words.flags;
      part.flags.hidden = words.flags === "";
    }
    if (part.ofRange) part.ofRange.hidden = worded !== "";
    words.metrics.forEach((text, place) => {
      part.metrics[place].textContent = text;
      part.metrics[place].classList.toggle("unknown", text === "–");
    });
  }
  function rangeOf(row) {
    const part = parts(row);
    return {
      href: part.link.getAttribute("href"), rate: part.link.textContent, missing: false,
      interval: part.interval.textContent, standing: part.standing.textContent,
      n: part.reps.textContent.replace("n = ", ""),
      source: part.badge ? part.badge.textContent : "measured",
      flags: part.flags ? part.flags.textContent : "",
      metrics: part.metrics.map((cell) => cell.textContent),
    };
  }
  function figureOf(row, place) {
    const [link, rate, interval, n, standing, source, flags, ...others] = data[row.id][place];
    const missing = interval === undefined;
    return {
      href: root + link, rate, missing, interval: interval || "", n: n || "",
      standing: standing || "", source: source || "", flags: flags || "",
      metrics: missing ? metrics.map(() => "–") : others,
    };
  }
  function applyWords() {
    if (worded === state.workload) return;
    worded = state.workload;
    const place = places.indexOf(worded);
    for (const row of rows) {
      if (!ranges.has(row)) ranges.set(row, rangeOf(row));
      put(row, place < 0 ? ranges.get(row) : figureOf(row, place));
    }
  }

  /* ---- rows, order, columns ---- */
  const collator = new Intl.Collator("en", { numeric: true });
  const named = (row) => (row.dataset.family + " " + one("th", row).textContent + " " + row.dataset.quant).toLowerCase();
  function shows(row) {
    if (!state.q.toLowerCase().split(/\s+/).every((word) => named(row).includes(word))) return false;
    return filterNames.every((name) => name === "workload" || !state[name]
      || row.dataset[name] === state[name]
      || (name === "concurrency" && row.dataset.concurrency === ""));
  }
  function sortKey(row) {
    const cell = one(".c-" + state.sort, row);
    if (state.sort === "decode" && !state.workload) return cell.dataset.sort;
    if (state.sort !== "decode") return cell.textContent.trim().replace(/^–$/, "");
    return data[row.id][places.indexOf(state.workload)].length > 2 ? one(".speed", cell).textContent : "";
  }
  const number = (text) => Number.parseFloat(text.replaceAll(",", ""));
  function sorted(own) {
    const numeric = kinds.get(state.sort) === "number";
    const keyed = own.map((row) => [row, sortKey(row)]);
    keyed.sort(([, x], [, y]) => {
      if (x === "" || y === "") return (x === "") - (y === "");   /* without a figure: last */
      const up = numeric ? number(x) - number(y) : collator.compare(x, y);
      return state.order === "asc" ? up : -up;
    });
    return keyed.map(([row]) => row);
  }
  const plural = (count, word) => count + " " + word + (count === 1 ? "" : "s");

  function applyRows() {
    for (const row of rows) row.hidden = !shows(row);
    for (const row of elsewhere) row.hidden = !shows(row);
    let familiesShown = 0;
    for (const family of all(".family")) {
      const own = all("tbody tr", family);
      const shown = own.filter((row) => !row.hidden).length;
      family.hidden = shown === 0;
      familiesShown += shown > 0;
      one(".shown", family).textContent = shown < own.length ? " · " + shown + " shown" : "";
      const order = sorted(own);
      if (order.some((row, place) => row !== own[place])) one("tbody", family).append(...order);
    }
    const shown = rows.filter((row) => !row.hidden).length;
    one("#shown").textContent = (shown === rows.length ? "" : shown + " of ")
      + plural(rows.length, "row") + ", " + (familiesShown === 1 ? "1 family" : familiesShown + " families");
    one("#nothing").hidden = shown > 0;
    for (const th of heads) {
      if (th.dataset.column === state.sort) {
        th.setAttribute("aria-sort", state.order === "asc" ? "ascending" : "descending");
      } else th.removeAttribute("aria-sort");
    }
  }
  function applyColumns() {
    const hidden = ticks.map((tick) => tick.value).filter((name) => !state.columns.includes(name));
    one("#tables").dataset.hidden = hidden.join(" ");
    for (const tick of ticks) tick.checked = state.columns.includes(tick.value);
  }
  function applyForm() {
    for (const name of filterNames) form.elements[name].value = state[name];
    if (form.elements.q.value !== state.q) form.elements.q.value = state.q;
    const folded = all("#more select").filter((select) => select.value !== "").length;
    one("#more-count").textContent = folded ? " · " + folded + " set" : "";
  }

  function apply() {
    applyAnswers();
    if (!form) return;
    applyForm();
    applyColumns();
    applyWords();
    applyRows();
    const inside = new Set(rows.filter((row) => !row.hidden).map((row) => row.id));
    /* a task of its own: what is chosen here is painted before the charts follow */
    setTimeout(() => document.dispatchEvent(
      new CustomEvent("rowschosen", { detail: { ...state, inside } })));
  }
  function change(part) {
    state = { ...state, ...part };
    history.pushState(null, "", address());
    apply();
  }
  const nothing = { q: "", ...Object.fromEntries(filterNames.map((name) => [name, ""])) };

  for (const pick of picks) {
    pick.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      change({ [pick.dataset.pick]: pick.dataset.value });
    });
    pick.setAttribute("href", "?" + new URLSearchParams({ [pick.dataset.pick]: pick.dataset.value }));
  }
  addEventListener("popstate", () => { state = readAddress(); apply(); });
  if (form) {
    form.elements.q.addEventListener("input", () => {
      state = { ...state, q: form.elements.q.value };
      history.replaceState(null, "", address());   /* a letter is no step to go back to */
      apply();
    });
    form.addEventListener("change", ({ target: { name, value } }) => {
      if (name === "q") return;
      if (name === "column") change({ columns: ticks.filter((tick) => tick.checked).map((tick) => tick.value) });
      else change({ [name]: value });
    });
    const showAll = () => change({ ...nothing, ...initial, columns: usualColumns });
    form.addEventListener("reset", (event) => { event.preventDefault(); showAll(); });
    form.addEventListener("submit", (event) => event.preventDefault());
    one("[data-reset]").addEventListener("click", showAll);
    for (const button of all("#tables thead button")) {
      button.addEventListener("click", () => {
        const column = button.parentNode.dataset.column;
        const flipped = state.order === "asc" ? "desc" : "asc";
        change({ sort: column, order: column === state.sort ? flipped : usualOrder(column) });
      });
    }
  }
  state = readAddress();
  apply();
})();
