/* Two configurations of the visitor's choice side by side, kept in the address as ?a=ID&b=ID.
   An id begins with its model's part; that part alone is a model whose configuration is not chosen
   yet. Every figure, interval and verdict comes written from the figures' scripts, one for each model;
   what is computed here is the ratio of two medians and whether two intervals overlap, by the rule of
   compare/rule.py, laid out as in compare_parts.html: a test holds the two together for every pair. */
(function () {
  "use strict";
  const form = document.querySelector("#compare-form");
  if (!form) return;
  const result = document.querySelector("#compare-result");
  const body = document.querySelector("#compare-body");
  const status = document.querySelector("#compare-status");
  const words = document.querySelector("#compare-words").content;
  const letters = ["a", "b"];
  const plainTitle = document.title;

  /* ---- figures: loaded once for each model ---- */
  const bare = () => Object.create(null);
  const known = { models: bare(), configurations: bare(), facts: bare(), cells: bare(), shapes: bare(), sessions: [] };
  window.comparisonFigures = (figures) => {
    for (const part of ["configurations", "facts", "cells", "shapes"]) Object.assign(known[part], figures[part]);
    known.sessions.push(...figures.sessions);
    known.models[figures.model] = { ids: Object.keys(figures.configurations), pairs: figures.pairs };
  };
  const loading = new Map();
  function load(path) {
    if (!loading.has(path)) {
      loading.set(path, new Promise((resolve, reject) => {
        const script = Object.assign(document.createElement("script"), { src: path, onload: resolve });
        script.onerror = () => { loading.delete(path); reject(new Error(path)); };
        document.head.append(script);
      }));
    }
    return loading.get(path);
  }
  /* 0 in place of streams: figures without a server or as printed, of a shape instead of a workload */
  function concurrenciesOf(id) {
    const all = known.configurations[id].cells.map((key) => key.slice(key.lastIndexOf("/") + 1))
      .filter((streams) => streams !== "0");
    return Array.from(new Set(all)).sort((x, y) => x - y);
  }
  const labelOf = (id) => [known.configurations[id].name, ...known.configurations[id].parts].join(" · ");

  /* ---- the choice: two texts as the address has them, and what they mean ---- */
  const model = (letter) => form.elements["model-" + letter];
  const pick = (letter) => form.elements[letter];
  const streams = (letter) => form.elements["streams-" + letter];
  model("b").append(...Array.from(model("a").querySelectorAll("optgroup"), (group) => group.cloneNode(true)));
  const models = new Map(Array.from(model("a").options).filter((o) => o.value).map((o) => [o.value, o]));

  const partOf = (text) => text.split("--")[0];
  const modelOf = (text) => (models.has(partOf(text)) ? partOf(text) : "");
  /* of a text whose model's figures are there; null unless it names one configuration */
  function sideIn(text) {
    if (text in known.configurations) return { id: text, streams: null };
    const [, id, at] = /^(.*)--at\.(\d+)$/.exec(text) || [];
    return id in known.configurations && concurrenciesOf(id).includes(at) ? { id, streams: Number(at) } : null;
  }
  let chosen = { a: "", b: "" };
  const query = () => {
    const asked = new URLSearchParams(Object.entries(chosen).filter(([, text]) => text));
    return asked.size ? "?" + asked : location.pathname;
  };
  function change(next, complete) {
    chosen = next;
    history.pushState(null, "", query());
    apply(complete);
  }
  /* of a model just chosen: as the side was before or the other one is, if it has that */
  function likeliest(part, before, other) {
    const same = [before, other].filter((text) => text.includes("--"))
      .map((text) => part + text.slice(text.indexOf("--")));
    const { ids } = known.models[part];
    return same.find((text) => text !== other && sideIn(text)) || (ids.length === 1 ? ids[0] : part);
  }

  const { plural, listed, changeWords, turn, outcomeOf, differences, conclusions } = window.comparisonRule;

  /* ---- one comparison, as in compare/two.py ---- */
  const wordsOf = (name) =>
    Array.from(words.querySelectorAll("[data-" + name + "]"), (span) => [span.dataset[name], span]);
  const metrics = wordsOf("metric"), workloads = wordsOf("workload"), bases = new Map(wordsOf("basis"));

  const works = () => [...workloads.map(([workload, title]) => [workload, title.textContent]),
    ...Object.keys(known.shapes).sort().map((shape) => [shape, known.shapes[shape]])];
  const elsewhere = (a, b) =>
    [a, b].some((side) => known.configurations[side.id].provenance !== "measured");
  function cellsOf(id) {
    return new Map(known.configurations[id].cells.map((key) => [key.slice(key.indexOf("/") + 1), key]));
  }
  function sessionOf(a, b) {
    for (const session of known.sessions) {
      if (session.before === a && session.after === b) return { ...session, turned: false };
      if (session.before === b && session.after === a) return { ...session, turned: true };
    }
    return null;
  }
  function compareTwo(a, b) {
    const session = sessionOf(a.id, b.id);
    const inOrder = (pair) => (session && session.turned ? [pair[1], pair[0]] : pair);
    const own = [cellsOf(a.id), cellsOf(b.id)];
    const runs = session ? inOrder(session.runs) : [a, b].map((side) => known.configurations[side.id].run);
    const sections = [];
    for (const [mine, theirs] of concurrencies(a, b, own)) {
      const pairs = works().map(([workload, title]) => {
        const place = workload + "/" + mine;
        const judged = session && mine === theirs && session.cells[place];
        const keys = judged ? inOrder(judged.keys) : [own[0].get(place), own[1].get(workload + "/" + theirs)];
        return { title, keys, cells: keys.map((key) => known.cells[key] || null),
          judgements: judged ? judged.judgements : {} };
      });
      if (![0, 1].every((side) => pairs.some((pair) => pair.cells[side]))) continue;
      const compared = [];
      for (const [metric, head] of metrics) {
        const lines = [];
        for (const { title, keys, cells, judgements } of pairs) {
          const values = cells.map((cell) => (cell && cell.values[metric]) || null);
          const reasons = metric === "decode_tok_s" && (cells[0] || cells[1]);
          const either = (mine || theirs) && (values[0] || values[1] || reasons);
          if (!(values[0] && values[1]) && !either) continue;
          const judged = judgements[metric] && (session.turned ? turn(judgements[metric]) : judgements[metric]);
          lines.push({ title, keys, cells, told: values[0] && values[1]
            ? outcomeOf(...values, judged, elsewhere(a, b), form.dataset.byTurns) : null });
        }
        if (lines.length) compared.push({ metric, head, lines });
      }
      const title = !mine && !theirs ? "Without a server, or as printed" : mine === theirs ? "At " + plural(mine, "stream")
        : plural(mine, "stream") + " (A) against " + plural(theirs, "stream") + " (B)";
      if (compared.length) sections.push({ title, compared });
    }
    const sides = runs.map((run) => known.facts[run]), facts = differences(...sides);
    const basis = basisOf(a, b, sections, facts.differ);
    return { runs, sections, ...facts, alone: aloneOf(a, b), compiled: session ? session.compiled : "", basis,
      engines: sides.map((side) => side.Engine + " " + side.Build).join(" and "),
      concluded: form.dataset.unlike.split("|").includes(basis) ? [] : conclusions(wordsOf("conclusion"), ...sides) };
  }
  function concurrencies(a, b, own) {
    if (a.streams === null && b.streams === null) {
      const places = own.flatMap((cells) => Array.from(cells.keys()));
      const all = new Set(places.map((place) => Number(place.slice(place.lastIndexOf("/") + 1))));
      return Array.from(all).sort((x, y) => x - y).map((one) => [one, one]);
    }
    return [[a.streams || b.streams, b.streams || a.streams]];
  }
  function aloneOf(a, b) {
    const measured = [a, b].map((side) => concurrenciesOf(side.id));
    return ["A", "B"].map((letter, place) => {
      const own = concurrencies(a, b, [cellsOf(a.id), cellsOf(b.id)])
        .filter((pair) => measured[place].includes(String(pair[place]))
          && !measured[1 - place].includes(String(pair[1 - place])))
        .map((pair) => String(pair[place]));
      return own.length === 0 ? ""
        : "Only " + letter + " was measured at " + listed(own) + (own.join() === "1" ? " stream." : " streams.");
    }).filter(Boolean).join(" ");
  }
  const linesOf = (sections) => sections.flatMap((s) => s.compared.flatMap((m) => m.lines));
  const buildFacts = form.dataset.buildFacts.split("|");
  function basisOf(a, b, sections, differ) {
    const lines = linesOf(sections);
    if (lines.some((line) => line.told && line.told.judged)) return "session";
    const served = [a, b].filter((side) => known.configurations[side.id].kind === "served").length;
    if (elsewhere(a, b)) return ["alone", "unlike", "elsewhere"][served];
    const used = new Set(lines.flatMap((line) => line.keys).filter(Boolean).map((key) => key.split("/")[0]));
    if (used.size === 1) return "same-run";
    const facts = differ.map((difference) => difference.fact);
    return facts.includes("Build") && facts.every((fact) => buildFacts.includes(fact)) ? "builds" : "apart";
  }
  function findingOf(sections) {
    const toldOf = (metric) => sections.flatMap((s) => s.compared.filter((m) => m.metric === metric))
      .flatMap((m) => m.lines.map((line) => line.told)).filter(Boolean);
    const ratiosOf = (told) => told.map((one) => one.ratio).filter((ratio) => ratio !== null);
    const [name, told] = [["Decode", toldOf("decode_tok_s")], ["Prefill", toldOf("prefill_tok_s")]]
      .find(([, found]) => ratiosOf(found).length) || ["", []];
    const ratios = ratiosOf(told);
    if (!ratios.length) return "They share no cell in which both have a decode rate.";
    const ends = new Set([Math.min(...ratios), Math.max(...ratios)].map(changeWords));
    const counts = form.dataset.verdicts.split("|")
      .map((verdict) => [told.filter((one) => one.verdict === verdict).length, verdict])
      .filter(([count]) => count).map((pair) => pair.join(" "));
    return name + ", B against A: " + Array.from(ends).join(" to ") + " over " + plural(told.length, "cell")
      + " (" + counts.join(", ") + ").";
  }

  /* ---- laid out as in compare_parts.html ---- */
  function make(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
    node.append(...children.filter((child) => child !== null));
    return node;
  }
  const sub = (text, kind) => (text ? make("span", { class: kind || "interval" }, text) : null);
  function sideOf(side, letter, run) {
    const { name, parts, href, problem } = known.configurations[side.id];
    const all = side.streams === null ? parts : [...parts, plural(side.streams, "stream")];
    return make("div", { class: "side" },
      make("p", { class: "letter" }, letter),
      make("p", { class: "name" }, make("a", { href }, name)),
      make("p", { class: "sub" }, all.join(" · ")),
      make("p", { class: "sub" }, make("a", { href: "runs/" + run + ".html" }, "Run " + run)),
      problem ? make("p", { class: "failed" }, problem) : null);
  }
  function figureOf(cell, metric) {
    const decode = metric === "decode_tok_s";
    const value = cell && cell.values[metric];
    if (!value && decode && !cell) return make("td", { class: "num none" }, "not measured");
    if (!value && decode && cell.reason) return make("td", { class: "num failed" }, cell.reason);
    if (!value) return make("td", { class: "num none" }, "–");
    const notes = !decode ? []
      : [cell.n === null ? null : sub("n = " + cell.n), ...cell.flags.map((flag) => sub(flag, "interval flag"))];
    return make("td", { class: "num" },
      make("a", { class: "speed", href: cell.href }, value[0]), sub(value[1]), ...notes);
  }
  function toldCell(told) {
    if (!told) return make("td", { class: "told" });
    return make("td", { class: "told" },
      make("b", {}, told.ratio === null ? "" : changeWords(told.ratio)),
      make("span", { class: "verdict", "data-verdict": told.verdict }, told.verdict),
      sub(told.interval), sub(told.reason));
  }
  function head(...names) {
    return make("thead", {}, make("tr", {}, ...names.map(([name, kind]) =>
      make("th", kind ? { scope: "col", class: kind } : { scope: "col" }, name))));
  }
  function sectionOf({ title, compared }) {
    const bodies = compared.map(({ metric, head: words, lines }) => make("tbody", {},
      make("tr", { class: "metric" }, make("th", { colspan: 4, scope: "rowgroup" },
        ...Array.from(words.cloneNode(true).childNodes))),
      ...lines.map((line) => make("tr", {}, make("th", { scope: "row" }, line.title),
        ...line.cells.map((cell) => figureOf(cell, metric)), toldCell(line.told)))));
    return [make("h3", {}, title),
      make("table", { class: "compared", "aria-label": title },
        head(["Workload"], ["A", "num"], ["B", "num"], ["B against A"]), ...bodies)];
  }
  function differing({ differ, same }) {
    const named = differ.map((one) => one.fact).join(", ");
    return make("details", { class: "differing" },
      make("summary", {}, named ? "What differs: " + named : "Nothing that was recorded differs"),
      named ? make("table", { class: "differ", "aria-label": "What differs between them" },
        head(["What"], ["A"], ["B"]),
        make("tbody", {}, ...differ.map((one) => make("tr", {},
          make("th", { scope: "row" }, one.fact), make("td", {}, one.a), make("td", {}, one.b))))) : null,
      make("p", { class: "sub" }, "The same for both: " + (same.join(", ") || "nothing that was recorded") + "."));
  }
  function show(a, b) {
    const two = compareTwo(a, b);
    const also = two.compiled
      ? " They were also compiled differently, which is part of the difference: " + two.compiled + "." : "";
    body.replaceChildren(...[
      make("div", { class: "sides" }, sideOf(a, "A", two.runs[0]), sideOf(b, "B", two.runs[1])),
      make("p", { class: "finding" }, findingOf(two.sections)),
      make("p", { class: "basis", "data-basis": two.basis }, bases.get(two.basis).textContent + also),
      two.concluded.length ? make("div", { class: "concluded" },
        make("p", {}, "What may be concluded of " + two.engines + ", and what not:"),
        make("ul", {}, ...two.concluded.map((sentence) => make("li", {}, sentence)))) : null,
      differing(two),
      ...two.sections.flatMap(sectionOf),
      two.alone ? make("p", {}, two.alone) : null,
    ].filter((node) => node !== null));
  }

  /* ---- the pairs of the chosen models ---- */
  const offers = document.querySelector("#model-pairs");
  const plainOffer = offers && Array.from(offers.childNodes);
  function pairOf([a, b, title, contrast]) {
    const asked = new URLSearchParams({ a, b });
    return make("li", {}, make("a", { class: "pair", href: "compare.html?" + asked }, title),
      " ", make("span", { class: "sub" }, contrast));
  }
  function offerOf(part) {
    const { pairs } = known.models[part];
    const count = pairs.reduce((sum, [, more, shown]) => sum + more + shown.length, 0);
    return make("details", {},
      make("summary", {}, make("h3", {}, models.get(part).textContent + ": " + plural(count, "pair"))),
      ...pairs.flatMap(([title, more, shown]) => [make("h4", {}, title),
        shown.length ? make("ul", { class: "pairs" }, ...shown.map(pairOf)) : null,
        more ? make("p", { class: "sub" }, plural(more, "more pair") + " of this kind: choose them above.") : null,
      ]).filter((node) => node !== null));
  }
  function offer(parts) {
    if (!offers || offers.dataset.models === parts.join()) return;
    offers.dataset.models = parts.join();
    offers.replaceChildren(...(parts.length ? parts.map(offerOf) : plainOffer));
  }

  /* ---- from the choice to the page ---- */
  function fill(letter) {
    const part = modelOf(chosen[letter]), own = known.models[part], side = sideIn(chosen[letter]);
    model(letter).value = part;
    const first = !part ? "Choose the model first" : own ? "Choose a configuration" : form.ariaBusy ? "Loading …" : "Not loaded";
    const option = (id) => new Option(known.configurations[id].parts.join(" · "), id);
    const isServed = (id) => known.configurations[id].kind === "served";
    const others = own ? own.ids.filter((id) => !isServed(id)).map(option) : [];
    pick(letter).replaceChildren(new Option(first, ""), ...(own ? own.ids.filter(isServed).map(option) : []),
      ...(others.length ? [make("optgroup", { label: "From elsewhere, without a server or as printed" }, ...others)] : []));
    pick(letter).disabled = !own;
    pick(letter).value = side ? side.id : "";
    const counts = (side ? concurrenciesOf(side.id) : []).map((one) => new Option(one, one));
    streams(letter).replaceChildren(new Option("all", ""), ...counts);
    streams(letter).value = side && side.streams !== null ? String(side.streams) : "";
  }
  /* what is not known is dropped: the model stays, if that is known at least */
  function dropUnknown() {
    const unknown = letters.map((letter) => chosen[letter])
      .filter((text) => text && text !== modelOf(text) && !sideIn(text));
    for (const letter of letters) if (!sideIn(chosen[letter])) chosen[letter] = modelOf(chosen[letter]);
    return unknown.map((text) => "Not known here and ignored: “"
      + (text.length > 80 ? text.slice(0, 80) + "…" : text) + "”.");
  }
  function missing(letter) {
    const part = chosen[letter];
    if (!part) return "Choose the " + (letter === "a" ? "first" : "second") + " configuration.";
    return plural(known.models[part].ids.length, "configuration") + " of " + models.get(part).textContent
      + ": choose one as " + letter.toUpperCase() + ".";
  }
  function compareChosen() {
    const [a, b] = letters.map((letter) => sideIn(chosen[letter]));
    result.hidden = !a || !b;
    result.style.minHeight = "";
    if (!chosen.a && !chosen.b) return "Choose two configurations, or one of the pairs below.";
    if (!a || !b) return letters.filter((letter) => !sideIn(chosen[letter])).map(missing).join(" ");
    show(a, b);
    document.title = labelOf(a.id) + " / " + labelOf(b.id);
    return "Compared: see below.";
  }
  /* `complete`: makes the choice whole where that can be guessed, once the figures are there */
  async function apply(complete) {
    const asked = chosen;
    const parts = Array.from(new Set(letters.map((letter) => modelOf(chosen[letter])).filter(Boolean)));
    form.ariaBusy = "true";
    letters.forEach(fill);
    document.querySelector("#swap").disabled = !chosen.a && !chosen.b;
    document.title = plainTitle;
    /* what stands below must not jump when the figures are there */
    document.documentElement.classList.remove("comparing");
    result.hidden = !letters.every((letter) => modelOf(chosen[letter]) && chosen[letter].includes("--"));
    if (!body.childElementCount) result.style.minHeight = "100vh";
    const loaded = await Promise.all(parts.map((part) => load(models.get(part).dataset.figures)))
      .then(() => true, () => false);
    if (asked !== chosen) return;
    form.ariaBusy = null;
    if (!loaded) {
      letters.forEach(fill);
      result.hidden = true;
      status.textContent = "The figures of these configurations could not be loaded.";
      return;
    }
    if (complete) complete();
    const unknown = dropUnknown();
    letters.forEach(fill);
    offer(parts);
    status.textContent = [...unknown, compareChosen()].join(" ");
  }
  form.addEventListener("change", ({ target }) => {
    const letter = target.name.slice(-1), other = letter === "a" ? "b" : "a";
    const before = chosen, part = model(letter).value;
    if (target === model(letter)) {
      change({ ...chosen, [letter]: part }, part && (() => {
        chosen[letter] = likeliest(part, before[letter], before[other]);
        history.replaceState(null, "", query());
      }));
      return;
    }
    const id = pick(letter).value, at = target === streams(letter) && streams(letter).value;
    change({ ...chosen, [letter]: id ? id + (at ? "--at." + at : "") : part });
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  document.querySelector("#swap").addEventListener("click", () => change({ a: chosen.b, b: chosen.a }));
  document.querySelector("#pairs").addEventListener("click", (event) => {
    const link = event.target.closest("a.pair");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const asked = new URLSearchParams(link.search);
    change({ a: asked.get("a"), b: asked.get("b") });
    form.scrollIntoView();
    model("a").focus({ preventScroll: true });
  });
  function fromAddress() {
    const asked = new URLSearchParams(location.search);
    chosen = { a: asked.get("a") || "", b: asked.get("b") || "" };
    apply();
  }
  addEventListener("popstate", fromAddress);
  fromAddress();
})();
