"""What other programs print by default: tables of llama-batched-bench, sweep-bench and
llama-benchy, the report of `vllm bench serve`, ollama's lines."""

import re

from bench_pipeline.importers.formats import batched, llama_benchy, ollama, vllm_serve
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
_SETTINGS_LINE = re.compile(r"\w+: (?:n_\w+ = \d+, )*n_kv_max = \d+, ")
_SETTING = re.compile(r"(\w+) = (-?\d+)")


def found_in(text: str, where: str, file: str) -> Found:
    found = vllm_serve.reports(text, where, file)
    columns: list[str] = []
    settings: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        place = f"{where}:{number}"
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if set(cells) >= _NEEDED or llama_benchy.is_head(cells):
            columns = cells
        elif _SETTINGS_LINE.search(line):
            columns, settings = [], dict(_SETTING.findall(line))
        elif columns and len(cells) == len(columns) and re.fullmatch(r"[\d.]+", cells[0]):
            said = {_NAMES[c]: v for c, v in zip(columns, cells, strict=True) if c in _NAMES}
            found.foreign.append(batched.foreign(said, place, file, settings))
        elif (line_of_ollama := ollama.read_line(line, place, file)) is not None:
            found.foreign.append(line_of_ollama)
        elif columns and line.startswith("|") and not re.fullmatch(r"[\s|:-]+", line):
            row = llama_benchy.read_row(columns, cells, place, file)
            if row is None:
                found.passed.append(Passed(place, f"a row of {len(cells)} columns"))
            else:
                found.foreign.append(row)
    empty = [each for each in found.foreign if not each.figures]
    found.passed += [Passed(each.place, f"of {each.program}, without a figure") for each in empty]
    found.foreign = [each for each in found.foreign if each.figures]
    return found
