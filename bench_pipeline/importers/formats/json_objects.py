"""Every whole JSON object in a text, whatever stands around it: log lines, a shell prompt, a code
fence, the end of a file that was cut off. Tests of llama-bench one level down, in a wrapper of
somebody's own, are found too."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bench_pipeline.importers.formats import served
from bench_pipeline.importers.rows import Found, Passed, Test, looks_like_a_test, row_of
from bench_pipeline.importers.words import plain

_MAX_DEPTH = 6
"""Of lists and objects around a test."""
_NOTHING = re.compile(r"[\s,\[\]`]*(?:json[lc]?)?[\s,\[\]`]*")
"""What may stand between two objects and need not be named: list brackets and code fences."""
_NAMED_LINES = 3


@dataclass(frozen=True)
class Object:
    """One object, from place `start` of the text to `end`."""

    value: dict[str, Any]
    start: int
    end: int


def found_in(text: str, where: str, file: str) -> Found:
    """Tests of llama-bench, results of other programs, and what is neither."""
    found, covered = Found(), [(0, 0)]
    for each in _objects(text):
        covered.append((each.start, each.end))
        line = _line(text, each.start)
        _take(each.value, f"{where}:{line}", file, found)
    if found.tests or found.foreign:
        found.passed += _between(text, covered, where)
    elif len(covered) == 1 and "{" in text:
        found.passed += [Passed(where, "holds no whole JSON object: it is cut off, or damaged")]
    return found


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _refuse_constant(name: str) -> None:
    raise ValueError(f"`{name}` is no number")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _objects(text: str) -> Iterator[Object]:
    place = text.find("{")
    while place >= 0:
        try:
            value, end = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):  # no JSON, cut off, 5,000 brackets or digits, NaN
            place = text.find("{", place + 1)
            continue
        yield Object(value, place, end)
        place = text.find("{", end)


def _take(value: dict[str, Any], place: str, file: str, found: Found) -> None:
    if looks_like_a_test(value):
        _take_test(value, place, file, found)
        return
    if (foreign := served.read(value, place, file)) is not None:
        found.foreign += foreign.foreign
        found.passed += foreign.passed
        return
    inner = list(_tests_inside(value, ""))
    for key, test in inner:
        _take_test(test, f"{place}, `{plain(key)}`", file, found)
    if not inner:
        keys = ", ".join(f"`{plain(str(key), 30)}`" for key in list(value)[:4])
        found.passed.append(
            Passed(place, f"an object of another program (its keys: {keys or 'none'})")
        )


def _take_test(value: Mapping[str, Any], place: str, file: str, found: Found) -> None:
    row = row_of(value)
    if isinstance(row, str):
        found.passed.append(Passed(place, f"no whole test: {row}"))
    else:
        found.tests.append(Test(row, place, file))


def _tests_inside(value: Any, key: str, depth: int = 0) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each test within, with the key under which it stands."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, dict):
        if depth and looks_like_a_test(value):
            yield key, value
            return
        for name, part in value.items():
            yield from _tests_inside(part, f"{key}.{name}" if key else str(name), depth + 1)
    elif isinstance(value, list):
        for part in value:
            yield from _tests_inside(part, key, depth + 1)


def _between(text: str, covered: list[tuple[int, int]], where: str) -> list[Passed]:
    """The stretches of text that no object covers, if anything stands in them."""
    passed = []
    ends = [*covered, (len(text), len(text))]
    for (_, start), (end, _) in pairwise(ends):
        gap = text[start:end]
        rest = gap[_NOTHING.match(gap).end() :].rstrip().rstrip("`[],").rstrip()  # type: ignore[union-attr]
        if not rest:
            continue
        line = _line(text, start + gap.index(rest[0]) if rest[0] in gap else start)
        if end == len(text) and "{" in rest:
            passed.append(Passed(f"{where}:{line}", "the file ends within a test: cut off"))
        elif not re.fullmatch(r"[\s\[\],`]*", rest):
            lines = [
                plain(part, 80) for part in rest.splitlines() if part.strip(" \t`").strip("json")
            ]
            shown = " / ".join(lines[:_NAMED_LINES])
            more = (
                f" and {len(lines) - _NAMED_LINES} more lines" if len(lines) > _NAMED_LINES else ""
            )
            passed.append(Passed(f"{where}:{line}", f"no test: {shown}{more}"))
    return passed
