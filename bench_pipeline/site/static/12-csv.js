/* The rows that are shown, in their order and with their columns, as a CSV file. */
(function () {
  "use strict";
  const button = document.querySelector("#csv");
  if (!button) return;
  const all = (selector, within) => Array.from(within.querySelectorAll(selector));
  const words = (element) => (element ? element.textContent.replace(/\s+/g, " ").trim() : "");
  // as the published CSV has it: a spreadsheet shows it, and computes nothing
  const formula = /^'*[=+\-@\t\r]/, number = /^[+-]?[\d.,]+$/;
  const guarded = (text) => (formula.test(text) && !number.test(text) ? "'" + text : text);
  const quoted = (text) => (/[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text);
  const decode = ["decode_tok_s", "interval", "n", "standing"];

  function lines() {
    const columns = all("thead th", document.querySelector("#tables table"))
      .map((th) => th.dataset.column);
    const hidden = (document.querySelector("#tables").dataset.hidden || "").split(" ");
    const shown = columns.filter((name) => !hidden.includes(name));
    const names = shown.flatMap((name) => (name === "decode" ? [...decode, "remarks"] : [name]));
    const found = [["family", ...names]];
    for (const row of all("#tables .family:not([hidden]) tbody tr:not([hidden])", document)) {
      const values = shown.flatMap((name) => {
        const cell = row.querySelector(".c-" + name);
        if (name !== "decode") return [words(cell)];
        const remarks = all(".badge:not([hidden]), .note:not([hidden])", cell).map(words).join("; ");
        return [...decode.map((part) => words(cell.querySelector(`[data-csv="${part}"]`))), remarks];
      });
      found.push([row.dataset.family, ...values]);
    }
    return found.map((line) => line.map(guarded).map(quoted).join(",") + "\r\n");
  }

  button.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(lines(), { type: "text/csv;charset=utf-8" }));
    link.download = "token-speeds.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
})();
