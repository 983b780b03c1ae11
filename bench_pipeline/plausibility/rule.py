"""One rule of the table: what it bounds, where the bound comes from, what follows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Literal

from bench_pipeline.records.cell import Cell, Request
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.run import Run

Consequence = Literal["refused", "marked", "asked"]
"""refused: the file is named and left out. marked: its figures carry the flag `implausible`, and
stand behind every unmarked one. asked: a person is to look at it before it is taken in; figures
that are taken in are not marked for it."""


@dataclass(frozen=True)
class Facts:
    """What is known beside the file, when it is read."""

    now: datetime
    catalogue: Mapping[str, ModelFile] = field(default_factory=dict)
    """Models by slug; what a rule says by it is said anew when an entry changes."""


@dataclass(frozen=True)
class CellRule:
    """About one cell that is `ok` and was measured; `doubt` gives the figures that break it."""

    name: str
    bound: str
    source: str
    doubt: Callable[[Run, Cell], str | None]
    consequence: Consequence = "marked"


@dataclass(frozen=True)
class RunRule:
    """About a whole run that was measured."""

    name: str
    bound: str
    source: str
    doubt: Callable[[Run, Facts | None], str | None]
    """Only a refusing rule asks for the time: what is marked stays marked."""
    consequence: Consequence = "marked"


def median_rate(cell: Cell, rate_of: Callable[[Request], float | None]) -> float | None:
    """Of the requests that have one; tok/s."""
    rates = [rate for request in cell.requests if (rate := rate_of(request))]
    return median(rates) if rates else None


def first(doubts: Iterable[str | None]) -> str | None:
    return next((doubt for doubt in doubts if doubt), None)
