/* Theme, definitions on hover and focus, print.
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
  /* A word's meaning stands in the page once somebody asks for it. */
  function meaningOf(word) {
    let text = document.getElementById("word-" + word);
    if (!text && WORDS[word]) {
      text = document.createElement("span");
      text.id = "word-" + word;
      text.hidden = true;
      text.textContent = WORDS[word];
      document.body.append(text);
    }
    return text;
  }
  function showTip(owner) {
    clearTimeout(hiding);
    const text = owner.dataset.word ? meaningOf(owner.dataset.word)
      : document.getElementById(owner.getAttribute("aria-describedby"));
    if (text) owner.setAttribute("aria-describedby", text.id);
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
  const described = (event) => event.target.closest && event.target.closest("[aria-describedby], [data-word]");
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
})();
