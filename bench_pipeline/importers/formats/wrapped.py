"""Tables that a terminal broke at its width, and a copy kept so: each line as it was printed."""

import re
from collections.abc import Iterator, Sequence

_HEAD = re.compile(r"^\|\s*model\s*\|")
_LAST = "t/s"
_LINES_OF_A_HEAD = 4


def unwrapped(text: str) -> Iterator[tuple[int, str]]:
    """Every line with its number; the pieces of a row as one line, with the number of the first."""
    lines = text.splitlines()
    place = 0
    while place < len(lines):
        size = _block(lines, place)
        if size:
            yield from _joined(lines[place : place + size], place + 1)
        else:
            yield place + 1, lines[place]
        place += size or 1


def _block(lines: Sequence[str], place: int) -> int:
    """How many lines a broken table has from here on; 0: none begins here."""
    if not _HEAD.match(lines[place]) or _LAST in lines[place]:
        return 0
    if not any(_LAST in line for line in lines[place + 1 : place + _LINES_OF_A_HEAD]):
        return 0
    for size, line in enumerate(lines[place:]):
        if not line.strip(" `") or line.startswith("build: "):
            return size
    return len(lines) - place


def _joined(block: Sequence[str], number: int) -> Iterator[tuple[int, str]]:
    width = max(map(len, block))  # a copy may have lost the spaces before the break
    columns, first, row = 0, number, ""
    for place, line in enumerate(block, number):
        first = first if row else place
        row += line
        bars = row.count("|")
        if (bars >= columns) if columns else (_LAST in row and row.rstrip().endswith("|")):
            columns = columns or bars
            yield first, row
            row = ""
        else:
            row += " " * (width - len(line))
    if row:
        yield first, row
