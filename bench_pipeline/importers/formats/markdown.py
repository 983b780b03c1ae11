"""llama-bench's default output, a table of markdown: mean and deviation, no samples.

It says model, backend and settings; not the machine, nor the file's name, nor when. The cards
stand in the engine's own lines right before it, where those were kept.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from bench_pipeline.importers.formats.columns import KEYS, amount, shape
from bench_pipeline.importers.rows import Found, Passed, Test, row_of
from bench_pipeline.importers.words import plain

_QUOTE = re.compile(r"^[\s>]*")
_RULE = re.compile(r"[\s|:-]+")
_SPEED = re.compile(r"(?P<mean>\d+(?:\.\d+)?)(?:[^\d.]+(?P<sd>\d+(?:\.\d+)?))?")
"""`2048.00 ± 8.00`, also where the sign was mangled on its way."""
_BUILD = re.compile(r"^build: (?P<commit>\S+) \((?P<number>\d{1,9})\)")
_CARD = re.compile(
    r"^\s*Device \d+: (?P<cuda>.+?), (?:compute capability|gfx\d|VMM)|"
    r"^ggml_vulkan: \d+ = (?P<vulkan>.+?) \((?!RADV|NVIDIA\))[^()]*\) \||"
    r"^ggml_metal_\w+: GPU name: +(?P<metal>Apple .+)$"
)
_INIT = re.compile(r"^ggml_\w+: found \d+|^ggml_vulkan: Found \d+", re.IGNORECASE)
_NEEDED = {"model", "test", "t/s"}


@dataclass
class _Table:
    columns: list[str]
    cards: tuple[str, ...]
    rows: list[tuple[dict[str, Any], int]] = field(default_factory=list)


def found_in(text: str, where: str, file: str) -> Found:
    """The tests of every table in `text`; lines that belong to none are passed over."""
    found = Found()
    table: _Table | None = None
    waiting: list[_Table] = []  # tables whose build has not been said yet
    cards: list[str] = []
    loose: list[tuple[int, str]] = []
    done: list[tuple[_Table, dict[str, Any]]] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = _QUOTE.sub("", raw).rstrip()
        cells = [cell.strip() for cell in line.strip("|").split("|")] if "|" in line else []
        if len(cells) > 2 and set(cells) >= _NEEDED:
            table = _Table(cells, tuple(cards))
            waiting.append(table)
        elif table and line.startswith("|") and _RULE.fullmatch(line):
            continue
        elif table and line.startswith("|"):
            _row(table, cells, number, where, found)
        elif build := _BUILD.match(line):
            said = {"build_commit": build["commit"], "build_number": int(build["number"])}
            done += [(each, said) for each in waiting]
            table, waiting, cards = None, [], []
        elif card := _CARD.match(raw.lstrip("> ")):
            cards.append(next(name for name in card.groups() if name).strip())
        elif _INIT.match(line):
            cards = []
        elif line.strip("`~ "):
            loose.append((number, line))
    done += [(each, {}) for each in waiting]
    for each, said in done:
        for values, number in each.rows:
            row = row_of(values | said)
            place = f"{where}:{number}"
            if isinstance(row, str):
                found.passed.append(Passed(place, f"no whole test: {row}"))
            else:
                found.tests.append(Test(row, place, file, each.cards))
    if found.tests and loose:
        shown = " / ".join(plain(line, 80) for _, line in loose[:3])
        more = f" and {len(loose) - 3} more lines" if len(loose) > 3 else ""
        found.passed.append(Passed(f"{where}:{loose[0][0]}", f"no test: {shown}{more}"))
    return found


def _row(table: _Table, cells: list[str], number: int, where: str, found: Found) -> None:
    """Adds the test of one line, or says why it is none."""
    place = f"{where}:{number}"
    if len(cells) != len(table.columns):
        found.passed.append(
            Passed(place, f"a row of {len(cells)} columns in a table of {len(table.columns)}")
        )
        return
    said = dict(zip(table.columns, cells, strict=True))
    form, speed = shape(said["test"]), _SPEED.fullmatch(said["t/s"])
    if form is None or speed is None:
        words = plain(f"{said['test']} {said['t/s']}")
        found.passed.append(Passed(place, f"neither prefill nor decode: {words}"))
        return
    values: dict[str, Any] = {
        KEYS.get(column, column): value
        for column, value in said.items()
        if column not in ("test", "t/s", "size", "params") and value != ""
    }
    values |= {"model_size": amount(said.get("size", ""))}
    values |= {"model_n_params": amount(said.get("params", ""))}
    values |= {**form, "avg_ts": float(speed["mean"])}
    if speed["sd"] is not None:
        values["stddev_ts"] = float(speed["sd"])
    table.rows.append((values, number))
