/* Two configurations of the visitor's choice side by side, kept in the address as ?a=ID&b=ID.
   Every figure, interval and verdict comes written from the figures' scripts, one for each model;
   what is computed here is the ratio of two medians and whether two intervals overlap, by the rule
   of compare_rule.py, and laid out as in compare_parts.html: a test holds the two against each
   other for every pair. */
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
  const plural = (count, word) => count.toLocaleString("en") + " " + word + (count === 1 ? "" : "s");

  /* ---- figures: loaded once for each model ---- */
  const known = { configurations: {}, facts: {}, cells: {}, sessions: [] };
  window.comparisonFigures = (figures) => {
    for (const part of ["configurations", "facts", "cells"]) Object.assign(known[part], figures[part]);
    known.sessions.push(...figures.sessions);
  };
  const loading = new Map();
  function load(path) {
    if (!loading.has(path)) {
      loading.set(path, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = path;
        script.onload = resolve;
        script.onerror = () => { loading.delete(path); reject(new Error(path)); };
        document.head.append(script);
      }));
    }
    return loading.get(path);
  }

  /* ---- the choice: selects, and the address ---- */
  const pick = (letter) => form.elements[letter];
  const streams = (letter) => form.elements["streams-" + letter];
  pick("b").append(...Array.from(pick("a").querySelectorAll("optgroup"), (group) => group.cloneNode(true)));
  const options = new Map(Array.from(pick("a").options).filter((o) => o.value).map((o) => [o.value, o]));

  function parse(text) {
    if (options.has(text)) return { id: text, streams: null };
    const [, id, at] = /^(.*)--at\.(\d+)$/.exec(text) || [];
    if (!options.has(id) || !options.get(id).dataset.streams.split(" ").includes(at)) return null;
    return { id, streams: Number(at) };
  }
  const written = (side) => side.id + (side.streams === null ? "" : "--at." + side.streams);

  let state = { a: null, b: null };
  function readAddress() {
    const asked = new URLSearchParams(location.search);
    const read = {}, unknown = [];
    for (const letter of letters) {
      const text = asked.get(letter) || "";
      read[letter] = parse(text);
      if (text && !read[letter]) unknown.push(text.length > 80 ? text.slice(0, 80) + "…" : text);
    }
    return { read, unknown };
  }
  function change(next) {
    state = next;
    const query = new URLSearchParams();
    for (const letter of letters) if (state[letter]) query.set(letter, written(state[letter]));
    const asked = query.toString();
    history.pushState(null, "", asked ? "?" + asked : location.pathname);
    apply([]);
  }

  /* ---- the rule, as in compare_rule.py ---- */
  function changeWords(ratio) {
    if (!(ratio > 0.5 && ratio < 2)) return "×" + ratio.toFixed(2);
    const percent = (Math.abs(ratio - 1) * 100).toFixed(1);
    return (Number(percent) === 0 ? "" : ratio > 1 ? "+" : "−") + percent + " %";
  }
  function toldApart([, , , aLo, aHi], [, , , bLo, bHi]) {
    if ([aLo, aHi, bLo, bHi].includes(null)) return "no interval";
    return aHi < bLo || bHi < aLo ? "separable" : "not separable";
  }
  const turnedVerdict = { faster: "slower", slower: "faster" };
  const turn = ([verdict, ratio, lo, hi, reason]) =>
    [turnedVerdict[verdict] || verdict, 1 / ratio, hi && 1 / hi, lo && 1 / lo, reason];
  function outcomeOf(a, b, judged) {
    if (judged) {
      const [verdict, ratio, lo, hi, reason] = judged;
      const interval = lo === null || hi === null ? "" : changeWords(lo) + " to " + changeWords(hi);
      return { ratio, verdict, interval, reason, judged: true };
    }
    return { ratio: a[2] ? b[2] / a[2] : null, verdict: toldApart(a, b), interval: "", reason: "" };
  }

  /* ---- one comparison, as in compare_two.py ---- */
  const wordsOf = (name) =>
    Array.from(words.querySelectorAll("[data-" + name + "]"), (span) => [span.dataset[name], span]);
  const metrics = wordsOf("metric"), workloads = wordsOf("workload"), bases = new Map(wordsOf("basis"));

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
      const pairs = workloads.map(([workload, title]) => {
        const place = workload + "/" + mine;
        const judged = session && mine === theirs && session.cells[place];
        const keys = judged ? inOrder(judged.keys) : [own[0].get(place), own[1].get(workload + "/" + theirs)];
        return { title: title.textContent, keys, cells: keys.map((key) => known.cells[key] || null),
          judgements: judged ? judged.judgements : {} };
      });
      if (![0, 1].every((side) => pairs.some((pair) => pair.cells[side]))) continue;
      const compared = [];
      for (const [metric, head] of metrics) {
        const lines = [];
        for (const { title, keys, cells, judgements } of pairs) {
          const values = cells.map((cell) => (cell && cell.values[metric]) || null);
          if (!values[0] && !values[1] && !(metric === "decode_tok_s" && (cells[0] || cells[1]))) continue;
          const judged = judgements[metric] && (session.turned ? turn(judgements[metric]) : judgements[metric]);
          lines.push({ title, keys, cells, told: values[0] && values[1] ? outcomeOf(...values, judged) : null });
        }
        if (lines.length) compared.push({ metric, head, lines });
      }
      const title = mine === theirs ? "At " + plural(mine, "stream")
        : plural(mine, "stream") + " (A) against " + plural(theirs, "stream") + " (B)";
      if (compared.length) sections.push({ title, compared });
    }
    const facts = differences(known.facts[runs[0]], known.facts[runs[1]]);
    return { runs, sections, ...facts, alone: aloneOf(a, b), compiled: session ? session.compiled : "", basis: basisOf(a, b, sections, facts.differ) };
  }
  function concurrencies(a, b, own) {
    if (a.streams === null && b.streams === null) {
      const places = own.flatMap((cells) => Array.from(cells.keys()));
      const all = new Set(places.map((place) => Number(place.slice(place.lastIndexOf("/") + 1))));
      return Array.from(all).sort((x, y) => x - y).map((one) => [one, one]);
    }
    return [[a.streams || b.streams, b.streams || a.streams]];
  }
  const listed = (items) => (items.length < 2 ? items.join("")
    : items.slice(0, -1).join(", ") + " and " + items[items.length - 1]);
  function aloneOf(a, b) {
    const measured = [a, b].map((side) => options.get(side.id).dataset.streams.split(" "));
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
    if ([a, b].some((side) => known.configurations[side.id].provenance !== "measured")) return "elsewhere";
    const used = new Set(lines.flatMap((line) => line.keys).filter(Boolean).map((key) => key.split("/")[0]));
    if (used.size === 1) return "same-run";
    const facts = differ.map((difference) => difference.fact);
    return facts.includes("Build") && facts.every((fact) => buildFacts.includes(fact)) ? "builds" : "apart";
  }
  function findingOf(sections) {
    const decode = sections.flatMap((s) => s.compared.filter((m) => m.metric === "decode_tok_s"));
    const told = decode.flatMap((m) => m.lines.map((line) => line.told)).filter(Boolean);
    const ratios = told.map((one) => one.ratio).filter((ratio) => ratio !== null);
    if (!ratios.length) return "They share no cell in which both have a decode rate.";
    const ends = new Set([Math.min(...ratios), Math.max(...ratios)].map(changeWords));
    const counts = form.dataset.verdicts.split("|")
      .map((verdict) => [told.filter((one) => one.verdict === verdict).length, verdict])
      .filter(([count]) => count).map((pair) => pair.join(" "));
    return "Decode, B against A: " + Array.from(ends).join(" to ") + " over " + plural(told.length, "cell")
      + " (" + counts.join(", ") + ").";
  }
  function differences(a, b) {
    const differ = [], same = [];
    const only = (mine, theirs) => {
      if (!Array.isArray(mine)) return mine || "not recorded";
      return mine.filter((value) => !theirs.includes(value)).join(", ") || (mine.length ? "—" : "not recorded");
    };
    for (const fact of Object.keys(a)) {
      if (JSON.stringify(a[fact]) !== JSON.stringify(b[fact])) {
        differ.push({ fact, a: only(a[fact], b[fact]), b: only(b[fact], a[fact]) });
      } else if (a[fact].length) same.push(fact);
    }
    return { differ, same };
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
      differing(two),
      ...two.sections.flatMap(sectionOf),
      two.alone ? make("p", {}, two.alone) : null,
    ].filter((node) => node !== null));
  }

  /* ---- from the choice to the page ---- */
  function fill(letter) {
    const side = state[letter];
    pick(letter).value = side ? side.id : "";
    const offered = side ? options.get(side.id).dataset.streams.split(" ").filter(Boolean) : [];
    streams(letter).replaceChildren(new Option("all", ""), ...offered.map((one) => new Option(one, one)));
    streams(letter).value = side && side.streams !== null ? String(side.streams) : "";
  }
  function say(unknown, text) {
    const ignored = unknown.map((id) => "Not known here and ignored: “" + id + "”.");
    status.textContent = [...ignored, text].join(" ");
  }
  function apply(unknown) {
    letters.forEach(fill);
    document.querySelector("#swap").disabled = !state.a && !state.b;
    document.title = plainTitle;
    const { a, b } = state;
    if (!a || !b) {
      result.hidden = true;
      result.style.minHeight = "";
      const missing = !a && !b ? "Choose two configurations, or one of the pairs below."
        : "Choose the " + (a ? "second" : "first") + " configuration.";
      say(unknown, missing);
      return;
    }
    /* what stands below must not jump when the figures are there */
    result.hidden = false;
    if (!body.childElementCount) result.style.minHeight = "100vh";
    const asked = state;
    Promise.all([a, b].map((side) => load(options.get(side.id).parentNode.dataset.figures))).then(() => {
      if (asked !== state) return;
      show(a, b);
      result.style.minHeight = "";
      const names = [a, b].map((side) => options.get(side.id).textContent);
      document.title = names.join(" / ");
      say(unknown, "Compared: see below.");
    }, () => {
      if (asked === state) say(unknown, "The figures of these configurations could not be loaded.");
    });
  }
  form.addEventListener("change", (event) => {
    const letter = event.target.name.slice(-1);
    const id = pick(letter).value;
    const at = event.target === streams(letter) && streams(letter).value;
    change({ ...state, [letter]: id ? { id, streams: at ? Number(at) : null } : null });
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  document.querySelector("#swap").addEventListener("click", () => change({ a: state.b, b: state.a }));
  for (const link of document.querySelectorAll("a.pair")) {
    link.addEventListener("click", (event) => {
      if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      const asked = new URLSearchParams(link.search);
      change({ a: parse(asked.get("a")), b: parse(asked.get("b")) });
      form.scrollIntoView();
      pick("a").focus({ preventScroll: true });
    });
  }
  function fromAddress() {
    const { read, unknown } = readAddress();
    state = read;
    apply(unknown);
  }
  addEventListener("popstate", fromAddress);
  fromAddress();
})();
