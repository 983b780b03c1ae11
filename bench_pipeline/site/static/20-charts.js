/* The charts under a filter. A page comes with each chart drawn; the library that draws anew is
   loaded when somebody touches a chart or filters the rows, and then gets the rows shown.
   Which rows and what is said of them follows charts.py: same order, same limit, same words. */
(function () {
  "use strict";
  const all = (selector, within) => Array.from((within || document).querySelectorAll(selector));
  const home = document.querySelector("#charts");
  if (!home) return;
  const figures = all(".chart", home);
  const note = document.querySelector("#charts-note");
  const wideFrom = 560;   /* px, as the container query of the style sheet */
  let chosen = null;      /* the page's filters; null: nobody filtered yet */
  let loaded = null;

  /* ---- loading, once ---- */
  function script(address) {
    return new Promise((resolve, reject) => {
      const element = document.createElement("script");
      element.src = address;
      element.onload = resolve;
      element.onerror = reject;
      document.head.append(element);
    });
  }
  const load = () => (loaded = loaded
    || Promise.all([script(home.dataset.runtime), script(home.dataset.rows)]));

  /* ---- what a figure has to show ---- */
  const hasAt = (figure) => figure.dataset.at !== undefined;
  const isFiltered = () => Boolean(chosen) && Object.keys(chosen).some((name) =>
    !["inside", "sort", "order", "columns"].includes(name) && chosen[name]);
  function wanted(figure) {
    const { kind, workload, follows } = figure.dataset;
    const asked = chosen ? chosen.workload : "";
    if (asked && asked !== workload && follows === undefined) return null;
    const concurrency = (chosen && chosen.concurrency) || home.dataset.concurrency;
    return "chart-" + kind + "-" + (asked || workload) + "-" + concurrency;
  }
  const isInside = (row) => !chosen || chosen.inside.has(row);
  /* Whether the drawing that came with the page is right as it is. */
  function standsAsBuilt(figure, id) {
    return !figure.view && figure.dataset.chart === id
      && all("tr[data-row]", figure).every((line) => isInside(line.dataset.row))
      && !(figure.dataset.more !== undefined && isFiltered());
  }

  /* ---- words ---- */
  const fill = (pattern, values) => pattern.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  function finding(chart, kind, drawn, count) {
    const { sentences, rows } = window.benchCharts;
    const said = (mark) => fill(sentences.mark,
      { ...rows[mark.row], ...mark, unit: kind.unit });
    return fill(sentences[drawn.length > 1 ? "many" : "one"], {
      title: chart.title, at: chart.at, first: kind.first, last: kind.last,
      count: fill(sentences[drawn.length === count ? "all" : "some"],
        { drawn: drawn.length, all: count }),
      a: said(drawn[0]), b: said(drawn[drawn.length - 1]),
    });
  }
  function cell(tag, text, numeric) {
    const element = document.createElement(tag);
    if (tag === "th") element.scope = "row";
    if (numeric) element.className = "num";
    element.textContent = text === undefined ? "–" : text;
    return element;
  }
  function line(mark, withAt, root) {
    const whole = { ...window.benchCharts.rows[mark.row], ...mark };
    const element = document.createElement("tr");
    element.dataset.row = mark.row;
    const value = cell("td", "", true);
    const link = document.createElement("a");
    link.href = root + mark.href;
    link.textContent = mark.text;
    value.append(link);
    element.append(cell("th", whole.name), cell("td", whole.detail));
    if (withAt) element.append(cell("td", mark.at_text, true));
    element.append(value, cell("td", mark.interval, true), cell("td", mark.n, true),
      cell("td", whole.source));
    return element;
  }
  function write(figure, chart, words, drawn) {
    const put = (selector, text) => { figure.querySelector(selector).textContent = text; };
    put(".title", chart.title);
    put(".at", chart.at);
    put(".explanation", chart.explanation);
    put(".finding", words);
    const series = new Set(drawn.map((mark) => mark.series));
    figure.querySelector(".key").replaceChildren(...chart.key
      .filter(([name]) => series.has(name))
      .map(([name, style]) => {
        const element = document.createElement("span");
        element.className = "series s" + style % 6;
        element.textContent = name;
        return element;
      }));
    const root = home.dataset.rows.replace(/lazy\/.*/, "");
    figure.querySelector("tbody").replaceChildren(
      ...drawn.map((mark) => line(mark, hasAt(figure), root)));
  }

  /* ---- drawing ---- */
  const sizeOf = (figure) =>
    figure.querySelector(".drawings").clientWidth >= wideFrom ? "wide" : "narrow";

  /* As the drawings that came with the page: laid out with the widths of the same table, each text
     held to its own, whatever font is there. */
  function width(text, bold) {
    const { widths } = window.benchCharts;
    const px = widths[bold ? "bold" : "normal"];
    return Array.from(String(text), (letter) => px[letter] === undefined ? widths.other : px[letter])
      .reduce((sum, each) => sum + each, 0);
  }
  const isBold = (weight) => String(weight) === "600";
  function hold(text) {
    text.removeAttribute("font-family");
    if (!text.textContent) return;
    const px = width(text.textContent, isBold(text.getAttribute("font-weight")));
    text.setAttribute("textLength", px.toFixed(1));
    text.setAttribute("lengthAdjust", "spacingAndGlyphs");
  }

  /* One image with one label, each mark with its row; a mark's own role cannot be reached. */
  function tidy(figure, box, size, words) {
    const svg = box.querySelector("svg");
    for (const element of [box, ...all("[role], [aria-label], [aria-roledescription]", box)]) {
      for (const name of ["role", "aria-label", "aria-roledescription", "aria-hidden"]) {
        element.removeAttribute(name);
      }
    }
    for (const mark of all(".role-mark path, .role-mark text, .role-mark line", box)) {
      const item = mark.__data__;
      if (item && item.datum && item.datum.row) mark.dataset.row = item.datum.row;
    }
    all("text", svg).forEach(hold);
    const title = document.createElementNS(svg.namespaceURI, "title");
    title.id = figure.id + "-finding";
    title.textContent = words;
    all("title", svg).forEach((old) => old.remove());
    svg.prepend(title);
    svg.setAttribute("class", "drawing " + size);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-labelledby", title.id);
  }

  const parsings = new Map();
  function parsed(specs, size) {
    if (!parsings.has(specs[size])) parsings.set(specs[size], window.vega.parse(specs[size]));
    return parsings.get(specs[size]);
  }
  async function draw(figure) {
    const id = wanted(figure);
    const asked = chosen;
    const { charts, kinds, rows } = window.benchCharts;
    const chart = charts[id];
    const inside = chart ? chart.marks.filter((mark) => isInside(mark.row)) : [];
    const places = new Set(inside.map((mark) => mark.at)).size;
    figure.hidden = places < (hasAt(figure) ? 2 : 1);   /* points need two places, a bar none */
    if (figure.hidden) return;
    const kind = kinds[figure.dataset.kind];
    const drawn = inside.slice(0, chart.most);
    const words = finding(chart, kind, drawn, inside.length);
    const size = sizeOf(figure);
    /* A view of its own each time: one that gets other rows keeps the order of the former. */
    const box = document.createElement("div");
    const view = new window.vega.View(parsed(kind.specs, size),
      { renderer: "svg", container: box, hover: false });
    view.data("rows", drawn.map((mark) =>
      ({ ...rows[mark.row], ...mark, ...rows[mark.row][size], ...mark[size] })));
    await view.runAsync();
    if (asked !== chosen) {   /* filtered meanwhile: this drawing is of the past */
      view.finalize();
      return;
    }
    tidy(figure, box, size, words);
    figure.querySelector(".drawings").replaceChildren(box);
    if (figure.view) figure.view.finalize();
    figure.view = view;
    figure.size = size;
    write(figure, chart, words, drawn);
    figure.dataset.chart = id;
  }

  /* One chart a task, those in sight first: the page stays quick to use meanwhile. */
  const waiting = new Set();
  let running = false;
  function distance(figure) {
    const box = figure.getBoundingClientRect();
    return box.bottom < 0 ? -box.bottom : Math.max(0, box.top - innerHeight);
  }
  async function work() {
    if (running) return;
    running = true;
    try {
      await load();
      window.vega.textMetrics.width = (item, text) =>
        width(text === undefined ? item.text : text, isBold(item.fontWeight));
      while (waiting.size) {
        const figure = Array.from(waiting).sort((a, b) => distance(a) - distance(b))[0];
        waiting.delete(figure);
        await draw(figure);
        if (!waiting.has(figure)) figure.removeAttribute("aria-busy");
        await new Promise((resolve) => setTimeout(resolve));
      }
      tell();
    } catch (error) {
      note.textContent = "The charts could not be drawn anew: they show all rows.";
      figures.forEach((figure) => figure.removeAttribute("aria-busy"));
    }
    running = false;
  }
  function redraw(figure) {
    waiting.add(figure);
    figure.setAttribute("aria-busy", "true");
  }
  function tell() {
    const shown = figures.some((figure) => !figure.hidden);
    note.textContent = shown ? "" : "No chart: nothing inside this filter was measured for one.";
  }

  /* ---- when ---- */
  document.addEventListener("rowschosen", ({ detail }) => {
    chosen = detail;
    for (const figure of figures) {
      const id = wanted(figure);
      waiting.delete(figure);
      figure.removeAttribute("aria-busy");
      figure.hidden = id === null;
      if (id !== null && !standsAsBuilt(figure, id)) redraw(figure);
    }
    if (waiting.size) work();
    else tell();
  });
  const touched = (event) => {
    const figure = event.target.closest && event.target.closest(".chart");
    if (!figure || figure.view || waiting.has(figure)) return;
    waiting.add(figure);
    work();
  };
  home.addEventListener("pointerover", touched);
  home.addEventListener("focusin", touched);
  if (window.ResizeObserver) {
    const observer = new ResizeObserver(() => {
      const changed = figures.filter((figure) =>
        figure.view && !figure.hidden && sizeOf(figure) !== figure.size);
      changed.forEach((figure) => waiting.add(figure));
      if (changed.length) work();
    });
    observer.observe(home);
  }
})();
