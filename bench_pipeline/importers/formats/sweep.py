"""The tables that llama-batched-bench and sweep-bench print by default, and ollama's lines."""

import re

from bench_pipeline.importers.formats import batched, ollama
from bench_pipeline.importers.rows import Found, Passed

_NAMES = {
    "PP": "pp",
    "TG": "tg",
    "B": "pl",
    "N_KV": "n_kv",
    "S_PP t/s": "speed_pp",
    "S_TG t/s": "speed_tg",
}
_NEEDED = {"PP", "TG", "N_KV", "S_PP t/s", "S_TG t/s"}


def found_in(text: str, where: str, file: str) -> Found:
    found = Found()
    columns: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        place = f"{where}:{number}"
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if set(cells) >= _NEEDED:
            columns = cells
        elif columns and len(cells) == len(columns) and re.fullmatch(r"[\d.]+", cells[0]):
            said = {_NAMES[c]: v for c, v in zip(columns, cells, strict=True) if c in _NAMES}
            found.foreign.append(batched.foreign(said, place, file, {}))
        elif (line_of_ollama := ollama.read_line(line, place, file)) is not None:
            found.foreign.append(line_of_ollama)
        elif columns and line.startswith("|") and not re.fullmatch(r"[\s|:-]+", line):
            found.passed.append(Passed(place, f"a row of {len(cells)} columns"))
    return found
