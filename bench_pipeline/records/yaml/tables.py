"""Lists of flat records as tables: a block of text, a header line and then a line for each.

A field is empty where nothing is known; a column in which nothing is known is left out. Text is
printable ASCII; what else it has, and what would break the line, is written as in the address of
a web page (`%2C` for a comma). Items of a list are divided by `;`, and a list without any is an
empty field, or `;` alone where an empty field says that the list is not known. All of it is exact
both ways: what is written is read back equal, digit for digit, and nothing else is read.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise, repeat
from operator import gt
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import quote, unquote

from pydantic_core import from_json

from bench_pipeline.records.base import Record
from bench_pipeline.records.table import Table
from bench_pipeline.records.yaml.strict import Block, printable, whole_characters

Document = dict[str, Any]
Location = tuple[int | str, ...]

HEADER = -1
"""Where the header stands, counted from the first line below it."""

_COMMA, _SEMICOLON = ",", ";"
_NOTHING = "%"
"""A text without characters; an empty field is no text at all."""
_PLAIN = " !#$&()*+-./:<=>?@[\\]^_`{|}~"
"""What stands for itself in text, beside letters and digits of ASCII."""
_SHORT = 40
"""Characters of a number that needs no closer look."""

# No possessive quantifiers: Python 3.11.2, which is Debian 12's, matches less with them.
_WHOLE = "-?(?:0|[1-9][0-9]{0,39})"
_DECIMAL = rf"{_WHOLE}(?:\.[0-9]{{1,40}})?(?:e[+-][0-9]{{1,3}})?"
"""As Python and JSON write numbers. Without its sign an exponent is none: a digit that became an
`e` must not make another number."""


class TableFault(Exception):
    """What is wrong with a table; `location` ends with the line (HEADER, or from 0) and column."""

    def __init__(self, location: Location, problem: str, mend: str) -> None:
        super().__init__(problem)
        self.location, self.problem, self.mend = location, problem, mend


def write_tables(kind: type[Record], document: Document) -> None:
    """Each list of `document` that `kind` declares a table becomes text; an empty one goes."""
    for holder, name, layout, _ in _places(kind, document, ()):
        if holder.get(name):
            holder[name] = layout.written(holder[name])
        else:
            holder.pop(name, None)


def read_tables(kind: type[Record], document: Document) -> None:
    """The way back, to lists of mappings; raises TableFault."""
    places = [place for place in _places(kind, document, ()) if place[1] in place[0]]
    tables = _read_together([(layout, holder[name]) for holder, name, layout, _ in places])
    for number, (holder, name, layout, location) in enumerate(places):
        holder[name] = tables[number] if tables else layout.read(holder[name], location)


def _read_together(written: Sequence[tuple["_Layout", Any]]) -> list[list[Document]] | None:
    """Each table, those of one header in one go: a run file has some fifty of a few lines, and to
    begin with a column takes longer than its lines. None where one of them is not as it should be:
    whoever reads them one by one learns where."""
    alike: dict[tuple[int, str], list[int]] = {}
    for number, (layout, text) in enumerate(written):
        if not isinstance(text, str):
            return None
        alike.setdefault((id(layout), text.partition("\n")[0]), []).append(number)
    tables: list[list[Document]] = [[] for _ in written]
    for numbers in alike.values():
        found = written[numbers[0]][0].read_alike([written[number][1] for number in numbers])
        if found is None:
            return None
        for number, table in zip(numbers, found, strict=True):
            tables[number] = table
    return tables


def _places(
    kind: type[Record], document: Any, location: Location
) -> Iterator[tuple[Document, str, "_Layout", Location]]:
    """Each mapping that may hold a table, that table's key and layout, and where it stands.

    What is no mapping where one belongs is passed over: validation refuses it.
    """
    if not isinstance(document, dict):
        return
    tables, ways = _layouts(kind)
    for name, layout in tables.items():
        yield document, name, layout, (*location, name)
    for name, inner in ways.items():
        below = document.get(name)
        if isinstance(below, list):
            for number, item in enumerate(below):
                yield from _places(inner, item, (*location, name, number))
        else:
            yield from _places(inner, below, (*location, name))


@cache
def _layouts(kind: type[Record]) -> tuple[dict[str, "_Layout"], dict[str, type[Record]]]:
    """Of a record's keys: those that hold tables, and those that lead to records which do."""
    tables: dict[str, _Layout] = {}
    ways: dict[str, type[Record]] = {}
    for name, field in kind.model_fields.items():
        inner = _record_within(field.annotation)
        declared = next((mark for mark in field.metadata if isinstance(mark, Table)), None)
        if inner and declared:
            tables[name] = _Layout(declared, _columns_of(inner))
        elif inner and any(_layouts(inner)):
            ways[name] = inner
    return tables, ways


def _record_within(annotation: Any) -> type[Record] | None:
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return annotation
    found = (_record_within(part) for part in get_args(annotation))
    return next((record for record in found if record), None)


@dataclass(frozen=True)
class _Column:
    scalar: type
    many: bool
    """A list of them."""
    nullable: bool
    """May be unknown in a line."""
    optional: bool
    """May be left out."""

    def read(self, texts: Sequence[str]) -> list[Any]:
        """All of a column; raises ValueError if anything but what is written stands there."""
        if self.many:
            return [self._list(text) for text in texts]
        if "" not in texts:
            return _read(self.scalar, texts)
        if not self.nullable:
            raise ValueError("is empty, but must be known")
        known = iter(_read(self.scalar, [text for text in texts if text]))
        return [next(known) if text else None for text in texts]

    def _list(self, text: str) -> list[Any] | None:
        if not text:
            return None if self.nullable else []
        if self.nullable and text == _SEMICOLON:
            return []
        return _read(self.scalar, text.split(_SEMICOLON))

    def written(self, value: Any) -> str:
        return _SEMICOLON if self.many and self.nullable and value == [] else _written(value)


def _columns_of(record: type[Record]) -> dict[str, _Column]:
    """Raises TypeError if something does not fit into a table: a mistake in our own classes."""
    columns = {}
    for name, field in record.model_fields.items():
        ways = _ways(field.annotation)
        nullable, many = NoneType in ways, False
        ways -= {NoneType}
        if len(ways) == 1 and get_origin(only := next(iter(ways))) is list:
            (item,) = get_args(only)
            ways, many = _ways(item), True
        if len(ways) != 1 or not ways <= _READERS.keys():
            raise TypeError(f"{record.__name__}.{name} does not fit into a table")
        columns[name] = _Column(ways.pop(), many, nullable, not field.is_required())
    return columns


def _ways(annotation: Any) -> set[Any]:
    """The types that a value may have, without what pydantic checks besides."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _ways(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return set().union(*map(_ways, get_args(annotation)))
    if origin is Literal:
        return {type(value) for value in get_args(annotation)}
    return {annotation}


@dataclass(frozen=True)
class _Layout:
    declared: Table
    columns: dict[str, _Column]

    def written(self, rows: list[Document]) -> Block:
        texts = {
            name: [column.written(row.get(name)) for row in rows]
            for name, column in self.columns.items()
        }
        shown = [name for name, fields in texts.items() if any(fields)]
        lines = zip(*(texts[name] for name in shown), strict=True)
        return Block("".join(f"{_COMMA.join(line)}\n" for line in (shown, *lines)))

    def read(self, text: Any, location: Location) -> list[Document]:
        if not isinstance(text, str):
            raise TableFault(
                location, "a table belongs here", "write `|`, a header line and a line for each"
            )
        header, *lines = text.removesuffix("\n").split("\n")
        names = header.split(_COMMA)
        self._check_header(names, location)
        rows = [line.split(_COMMA) for line in lines]
        for number, row in enumerate(rows):
            if len(row) != len(names):
                raise _ragged(names, row, (*location, number))
        if not rows:
            return []
        columns = {
            name: self._column(name, texts, location)
            for name, texts in zip(names, zip(*rows, strict=True), strict=True)
        }
        self._check(columns, location)
        return [dict(zip(names, line, strict=True)) for line in zip(*columns.values(), strict=True)]

    def read_alike(self, texts: Sequence[str]) -> list[list[Document]] | None:
        """As `read` of each; they have the same header. None where `read` would raise."""
        header, *_ = texts[0].removesuffix("\n").split("\n", 1)
        names = header.split(_COMMA)
        bodies = [text.removesuffix("\n").split("\n")[1:] for text in texts]
        lines = [line for body in bodies for line in body]
        if not {len(names) - 1}.issuperset(map(str.count, lines, repeat(_COMMA))):
            return None
        fields = _COMMA.join(lines).split(_COMMA) if lines else []
        try:
            self._check_header(names, ())
            columns = {
                name: self.columns[name].read(fields[place :: len(names)]) if lines else []
                for place, name in enumerate(names)
            }
        except (TableFault, ValueError):
            return None
        if any(any(fallen) for _, _, fallen in self._fallen(columns)):
            return None
        key = list(zip(*(columns[name] for name in self.declared.key), strict=True))
        rows = [dict(zip(names, line, strict=True)) for line in zip(*columns.values(), strict=True)]
        tables, begin = [], 0
        for body in bodies:
            end = begin + len(body)
            if len(set(key[begin:end])) < len(body):
                return None
            tables.append(rows[begin:end])
            begin = end
        return tables

    def _check_header(self, names: list[str], location: Location) -> None:
        place = (*location, HEADER)
        for number, name in enumerate(names):
            if name not in self.columns:
                spelling = "remove it, or correct its spelling"
                raise TableFault(place, f"unknown column `{printable(name)}`", spelling)
            if name in names[:number]:
                raise TableFault(place, f"the column `{name}` stands twice", "remove one of them")
        for name, column in self.columns.items():
            if name not in names and not column.optional:
                raise TableFault(place, f"the column `{name}` is missing", "add it")

    def _column(self, name: str, texts: Sequence[str], location: Location) -> list[Any]:
        column = self.columns[name]
        try:
            return column.read(texts)
        except ValueError:
            for number, text in enumerate(texts):
                try:
                    column.read([text])
                except ValueError as error:
                    place = (*location, number, name)
                    got = f", got `{printable(text)}`" if text else ""
                    raise TableFault(place, f"{error}{got}", "correct the value") from None
            raise

    def _check(self, columns: dict[str, list[Any]], location: Location) -> None:
        """What the lines say together: each is another, and what may not fall does not."""
        key = list(zip(*(columns[name] for name in self.declared.key), strict=True))
        if len(set(key)) < len(key):
            number = next(n for n, of in enumerate(key) if of in key[:n])
            told = ", ".join(f"{name} {columns[name][number]}" for name in self.declared.key)
            place = (*location, number, self.declared.key[-1])
            raise TableFault(place, f"{told} stands twice", "remove one of the two lines")
        for low, high, fallen in self._fallen(columns):
            if any(fallen):
                number = fallen.index(True)
                less = f"{columns[high][number]} is less than {columns[low][number]}"
                raise TableFault(
                    (*location, number, high),
                    f"{less}, the line's `{low}`",
                    "correct the values, or the order of the columns",
                )

    def _fallen(self, columns: dict[str, list[Any]]) -> Iterator[tuple[str, str, list[bool]]]:
        """Of columns of which the second may not be less, their names and in which lines it is."""
        for chain in self.declared.rising:
            for low, high in pairwise(chain):
                yield low, high, _fallen(columns.get(low, ()), columns.get(high, ()))


def _fallen(low: Sequence[Any], high: Sequence[Any]) -> list[bool]:
    """Of each line in which both are known, whether the second is less; lines are all there or,
    where a column was left out, none."""
    try:
        return list(map(gt, low, high))
    except TypeError:
        return [None not in (a, b) and a > b for a, b in zip(low, high, strict=True)]


def _ragged(names: list[str], row: list[str], place: Location) -> TableFault:
    mend = "give each line as many fields as the header has"
    if row == [""]:
        return TableFault(place, "an empty line", "remove it")
    if len(row) < len(names):
        ends = f"the line ends before `{names[len(row)]}`"
        return TableFault((*place, names[len(row)]), f"{ends}: {len(row)} of {len(names)}", mend)
    more = len(row) - len(names)
    return TableFault(place, f"{more} more fields than columns, the last `{names[-1]}`", mend)


def _written(value: Any) -> str:
    if isinstance(value, str):
        return _as_plain(value)
    if isinstance(value, list):
        return _SEMICOLON.join(map(_written, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else repr(value)


@lru_cache(1024)
def _as_plain(text: str) -> str:
    found = quote(whole_characters(text), safe=_PLAIN) or _NOTHING
    outer = len(found) - len(found.lstrip(" ")), len(found) - len(found.rstrip(" "))
    return "%20" * outer[0] + found.strip(" ") + "%20" * (outer[1] if found.strip(" ") else 0)


@lru_cache(1024)
def _from_plain(text: str) -> str:
    found = "" if text == _NOTHING else unquote(text)
    if _as_plain(found) != text:
        raise ValueError("not plain text: write `%2C` for a comma, and so on")
    return found


def _read(scalar: type, texts: Sequence[str]) -> list[Any]:
    return _READERS[scalar](texts)


def _numbers(one: str, as_number: type, told: str) -> Callable[[Sequence[str]], list[Any]]:
    pattern = re.compile(one)
    least = {int: b"0123456789,", float: b"0123456789,."}[as_number]

    def read(texts: Sequence[str]) -> list[Any]:
        joined = _COMMA.join(texts)
        with suppress(ValueError):  # two points
            if _plain_numbers(texts, f",{joined},", least):
                found = from_json(f"[{joined}]")  # to the last digit, in a fifth of the time
                return found if as_number is int else list(map(float, found))
            if all(map(pattern.fullmatch, texts)):
                return list(map(as_number, texts))
        raise ValueError(f"{told} belongs here")

    return read


def _plain_numbers(texts: Sequence[str], joined: str, least: bytes) -> bool:
    """Whether nothing but digits and perhaps points is in them, and so that what `int` or `float`
    takes is what the pattern allows; told in a quarter of the pattern's time."""
    return bool(texts) and (
        joined.isascii()
        and not joined.encode().translate(None, least)
        and not any(wrong in joined for wrong in (",,", ",.", ".,"))
        and joined.count(",0") == joined.count(",0.") + texts.count("0")
        and max(map(len, texts)) <= _SHORT
    )


def _booleans(texts: Sequence[str]) -> list[bool]:
    if not {"true", "false"}.issuperset(texts):
        raise ValueError("`true` or `false` belongs here")
    return [text == "true" for text in texts]


_READERS: dict[type, Callable[[Sequence[str]], list[Any]]] = {
    int: _numbers(_WHOLE, int, "a whole number"),
    float: _numbers(_DECIMAL, float, "a number"),
    bool: _booleans,
    str: lambda texts: [_from_plain(text) for text in texts],
}
