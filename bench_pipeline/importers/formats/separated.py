"""`llama-bench -o csv` and `-o sql`: all keys of the JSON but the samples, every value as text."""

import csv
import re
from typing import Any

from bench_pipeline.importers.formats.columns import typed
from bench_pipeline.importers.rows import Found, Passed, Test, looks_like_a_test, row_of

_NEEDED = {"n_prompt", "n_gen"}
_INSERT = re.compile(
    r"INSERT\s+INTO\s+\S+\s*\((?P<keys>[\w\s,\"`]+)\)\s*VALUES\s*\((?P<values>(?:'(?:[^']|'')*'|[^')])*)\)",
    re.IGNORECASE,
)
_VALUE = re.compile(r"\s*(?:'(?P<quoted>(?:[^']|'')*)'|(?P<bare>[^,']*))\s*(?:,|$)")


def is_csv(text: str) -> bool:
    return any(_is_head(line) for line in text.splitlines())


def _is_head(line: str) -> bool:
    keys = {key.strip().strip('"') for key in re.split(r"[,;\t]", line)}
    return keys >= _NEEDED and bool(keys & {"avg_ts", "samples_ts", "samples_ns"})


def found_in_csv(text: str, where: str, file: str) -> Found:
    """A header may stand again where two outputs were joined; lines before the first are none."""
    found = Found()
    keys: list[str] = []
    mark = ","
    before = 0
    for number, line in enumerate(text.splitlines(), 1):
        if _is_head(line):
            mark = max(",;\t", key=line.count)
            keys = [key.strip() for key in next(csv.reader([line], delimiter=mark))]
            continue
        if not keys:
            before += bool(line.strip())
            continue
        if not line.strip().strip("`"):
            continue
        place = f"{where}:{number}"
        values = next(csv.reader([line], delimiter=mark))
        if len(values) != len(keys):
            found.passed.append(
                Passed(place, f"a line of {len(values)} fields under {len(keys)} columns")
            )
            continue
        _take(dict(zip(keys, values, strict=True)), place, file, found)
    if before:
        found.passed.append(Passed(f"{where}:1", f"{before} lines before the header of the table"))
    return found


def is_sql(text: str) -> bool:
    return bool(_INSERT.search(text))


def found_in_sql(text: str, where: str, file: str) -> Found:
    """The inserted rows. Nothing of it is run."""
    found = Found()
    for insert in _INSERT.finditer(text):
        place = f"{where}:{text.count(chr(10), 0, insert.start()) + 1}"
        keys = [key.strip().strip('"`') for key in insert["keys"].split(",")]
        values = [
            each["quoted"].replace("''", "'")
            if each["quoted"] is not None
            else (each["bare"] or "").strip()
            for each in _VALUE.finditer(insert["values"])
        ][: len(keys)]
        if len(values) != len(keys):
            found.passed.append(Passed(place, f"{len(values)} values for {len(keys)} columns"))
            continue
        _take(dict(zip(keys, values, strict=True)), place, file, found)
    return found


def _take(said: dict[str, str], place: str, file: str, found: Found) -> None:
    values: dict[str, Any] = {key: typed(key, value) for key, value in said.items()}
    if not looks_like_a_test(values):
        found.passed.append(Passed(place, "no test of llama-bench"))
        return
    row = row_of(values)
    if isinstance(row, str):
        found.passed.append(Passed(place, f"no whole test: {row}"))
    else:
        found.tests.append(Test(row, place, file))
