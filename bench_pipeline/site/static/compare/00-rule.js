/* What may be said of two figures side by side, what sets two runs apart and what two engines allow to be
   concluded: as in compare/rule.py, compare/facts.py and compare/conclusions.py. */
window.comparisonRule = (function () {
  "use strict";
  const plural = (count, word) => count.toLocaleString("en") + " " + word + (count === 1 ? "" : "s");
  const listed = (items) => (items.length < 2 ? items.join("")
    : items.slice(0, -1).join(", ") + " and " + items[items.length - 1]);
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
  function outcomeOf(a, b, judged, elsewhere, byTurns) {
    if (judged) {
      const [verdict, ratio, lo, hi, reason] = judged;
      const interval = lo === null || hi === null ? "" : changeWords(lo) + " to " + changeWords(hi);
      const read = b[2] / a[2], ofMedians = !interval || !a[2] || (lo <= read && read <= hi);
      const reasons = [reason, ofMedians ? "" : byTurns].filter(Boolean);
      return { ratio, verdict, interval, reason: reasons.join("; "), judged: true };
    }
    return { ratio: a[2] ? b[2] / a[2] : null, verdict: elsewhere ? "not judged" : toldApart(a, b), interval: "", reason: "" };
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
  function conclusions(rules, a, b) {
    if (a.Engine === b.Engine) return [];
    return rules.filter(([fact]) => a[fact].length && b[fact].length).map(([fact, { dataset }]) =>
      (JSON.stringify(a[fact]) === JSON.stringify(b[fact]) ? dataset.same : dataset.differ)
        .replace(/\{([ab])(?::([^}]+))?\}/g, (_, side, other) => {
          const value = (side === "a" ? a : b)[other || fact];
          return (Array.isArray(value) ? value.join(", ") : value) || "not recorded";
        }));
  }
  return { plural, listed, changeWords, turn, outcomeOf, differences, conclusions };
})();
