"""One rule of the table: what it bounds, where the bound comes from, what follows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bench_pipeline.records.cell import Cell
from bench_pipeline.records.run import Run

Verdict = Literal["refused", "marked"]
"""refused: the file is named and left out. marked: its figures carry the flag `implausible`, and
stand behind every unmarked one."""


@dataclass(frozen=True)
class Facts:
    """What is known beside the file, when it is read."""

    now: datetime


@dataclass(frozen=True)
class CellRule:
    """About one cell that is `ok` and was measured; `doubt` gives the figures that break it."""

    name: str
    bound: str
    source: str
    doubt: Callable[[Run, Cell], str | None]
    verdict: Verdict = "marked"


@dataclass(frozen=True)
class RunRule:
    """About a whole run that was measured."""

    name: str
    bound: str
    source: str
    doubt: Callable[[Run, Facts | None], str | None]
    """Only a refusing rule asks for what is known beside the file: what is marked stays marked."""
    verdict: Verdict = "marked"


def first(doubts: Iterable[str | None]) -> str | None:
    return next((doubt for doubt in doubts if doubt), None)
