/* Models that a card of the chosen memory holds; the choice is in the address, ?gb=12. */
(function () {
  "use strict";
  const table = document.querySelector("#fitting");
  if (!table) return;
  const picks = Array.from(document.querySelectorAll(".pickers [data-gb]"));
  const rows = Array.from(table.querySelectorAll("tbody tr"));
  const shown = document.querySelector("#fits-shown");
  function apply() {
    const asked = new URLSearchParams(location.search).get("gb") || "";
    const gb = picks.some((pick) => pick.dataset.gb === asked) ? asked : "";
    for (const row of rows) {
      row.hidden = gb !== "" && (row.dataset.gb === "" || Number(row.dataset.gb) > Number(gb));
    }
    for (const pick of picks) {
      if (pick.dataset.gb === gb) pick.setAttribute("aria-current", "true");
      else pick.removeAttribute("aria-current");
    }
    const count = rows.filter((row) => !row.hidden).length;
    shown.textContent = count + (count === 1 ? " model" : " models") + (gb ? " in " + gb + " GB" : "");
  }
  for (const pick of picks) {
    pick.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      history.pushState(null, "", pick.dataset.gb ? "?gb=" + pick.dataset.gb : location.pathname);
      apply();
    });
  }
  addEventListener("popstate", apply);
  apply();
})();
