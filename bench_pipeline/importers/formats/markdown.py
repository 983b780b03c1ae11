"""llama-bench's default output, a table of markdown: mean and deviation, no samples.

It says model, backend and settings; not the machine, nor the file's name, nor when. The cards
stand in the engine's own lines right before it, where those were kept.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from bench_pipeline.importers.formats import llama_benchy
from bench_pipeline.importers.formats.columns import KEYS, amount, shape, speed
from bench_pipeline.importers.formats.wrapped import unwrapped
from bench_pipeline.importers.rows import Found, Passed, Test, row_of
from bench_pipeline.importers.words import plain

_QUOTE = re.compile(r"^[\s>]*")
_RULE = re.compile(r"[\s|:-]*-[\s|:-]*")
_BUILD = re.compile(r"^build: (?P<commit>\S+) \((?P<number>\d{1,9})\)")
_CARD = re.compile(
    r"^\s*Device \d+: (?P<cuda>.+?), (?:compute capability|gfx\d|VMM)|"
    r"^ggml_vulkan: \d+ = (?P<vulkan>.+?) \([^()]*\) \||"
    r"^\|\s*\d+\|\s*\[level_zero:gpu:\d+\]\|\s*(?P<sycl>[^|]+?)\s*\||"
    r"^ggml_metal_\w+: GPU name: +(?:MTL\d+ \((?P<metal>[^()]+)\)|(?P<old_metal>Apple .+))$"
)
"""A line of Vulkan ends its card's name with the driver's, in brackets."""
_INIT = re.compile(r"^ggml_\w+: found \d+|^ggml_vulkan: Found \d+", re.IGNORECASE)
_NEEDED = {"model", "test", "t/s"}
_FIRST, _LAST = ("model", "size", "params", "backend"), ("test", "t/s")
"""Of every table of the program."""
_OTHER_NAMES = {"tok/s": "t/s", "tokens/s": "t/s"}
_MARKED = re.compile(r"^(\*\*|\*|`)(.*)\1$")
_WITH_BARS = "ot"
"""A column whose patterns may hold bars: `ffn_(up|down)_exps=CPU`."""


@dataclass
class _Table:
    columns: list[str]
    cards: tuple[str, ...]
    edged: bool
    """Its lines begin with a bar."""
    rows: list[tuple[dict[str, Any], int]] = field(default_factory=list)


def found_in(text: str, where: str, file: str) -> Found:
    """The tests of every table in `text`; lines that belong to none are passed over."""
    found = Found()
    table: _Table | None = None
    cards: list[str] = []
    taken = False  # the cards are those of a table that stands above
    loose: list[tuple[int, str]] = []
    order: list[_Table | dict[str, Any]] = []
    head: list[str] = []
    cells: list[str] = []
    for number, raw in unwrapped(text):
        line = _QUOTE.sub("", raw).rstrip()
        above, cells = cells, _cells(line)
        names = _names(cells)
        translated = [] if table or names else _translated(head, cells)
        if names or translated:
            table, taken = _Table(names or translated, tuple(cards), line.startswith("|")), True
            order.append(table)
            loose = [each for each in loose if not translated or _cells(each[1]) != head]
        card = _CARD.match(line)
        if names:
            continue
        if cells and _RULE.fullmatch(line):
            head = above
        elif table and not card and (line.startswith("|") or (not table.edged and len(cells) > 2)):
            _row(table, cells, number, where, found)
        elif build := _BUILD.match(line):
            order.append({"build_commit": build["commit"], "build_number": int(build["number"])})
            table, cards = None, [] if taken else cards
        elif card or _INIT.match(line):
            cards, taken = [] if taken or not card else cards, False
            cards += [name.strip() for name in (card.groups() if card else ()) if name]
        elif line.strip("`~ "):
            loose.append((number, line))
    for each, said in _with_builds(order):
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


def _cells(line: str) -> list[str]:
    """Of a line of markdown, or of a table that was copied as a page shows it; without the marks
    of bold letters and code."""
    parts = line.strip("|").split("|") if "|" in line else line.split("\t")
    plain_parts = (_MARKED.sub(r"\2", part.strip()) for part in parts)
    return [part.replace("\\_", "_") for part in plain_parts] if parts[1:] else []


def _names(cells: list[str]) -> list[str]:
    """The columns of a table of the program, as it writes them; none: no head of one."""
    names = [_OTHER_NAMES.get(cell.lower(), cell.lower()) for cell in cells]
    return names if set(names) >= _NEEDED and not llama_benchy.is_head(names) else []


def _translated(head: list[str], cells: list[str]) -> list[str]:
    """The columns of a table whose head somebody translated, told by its first row."""
    if len(cells) != len(head) or len(cells) < len(_FIRST + _LAST):
        return []
    told = "iB" in cells[1] and amount(cells[1]) and amount(cells[2])
    if not told or shape(cells[-2]) is None or speed(cells[-1]) is None:
        return []
    return [*_FIRST, *map(str.lower, head[len(_FIRST) : -len(_LAST)]), *_LAST]


def _with_builds(order: list[_Table | dict[str, Any]]) -> list[tuple[_Table, dict[str, Any]]]:
    """Each table with its build. The program prints the build below; who moves the table out of a
    block of code leaves it above: then no build stands below the last table."""
    above = bool(order) and isinstance(order[0], dict) and isinstance(order[-1], _Table)
    said: dict[str, Any] = {}
    made = []
    for each in order if above else reversed(order):
        if isinstance(each, _Table):
            made.append((each, said))
        else:
            said = each
    return made if above else made[::-1]


def _row(table: _Table, cells: list[str], number: int, where: str, found: Found) -> None:
    """Adds the test of one line, or says why it is none."""
    place = f"{where}:{number}"
    more = len(cells) - len(table.columns)
    if more > 0 and _WITH_BARS in table.columns:
        first = table.columns.index(_WITH_BARS)
        last = first + more + 1
        cells = [*cells[:first], "|".join(cells[first:last]), *cells[last:]]
    if len(cells) != len(table.columns):
        found.passed.append(
            Passed(place, f"a row of {len(cells)} columns in a table of {len(table.columns)}")
        )
        return
    said = dict(zip(table.columns, cells, strict=True))
    form, rate = shape(said["test"]), speed(said["t/s"])
    if form is None or rate is None:
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
    values |= {**form, "avg_ts": rate[0]}
    if rate[1] is not None:
        values["stddev_ts"] = rate[1]
    table.rows.append((values, number))
