"""What the pages of the whole site say of rows: made of each group's alone, then put together.

Where families have pages of their own, hardly one row in three is needed again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench_pipeline.site.tables.answers import may_answer
from bench_pipeline.site.tables.example import example_of
from bench_pipeline.site.tables.fits import Fit, fits, in_order
from bench_pipeline.site.tables.rows import FamilyLine, TableRow, families, newest_first
from bench_pipeline.site.wording import STRANGER


@dataclass(frozen=True)
class Summary:
    rows: tuple[TableRow, ...]
    """Fastest first: all, or where families have pages of their own those that may be an answer."""
    families: tuple[FamilyLine, ...]
    """With their rows where those are shown."""
    fits: tuple[Fit, ...]
    exemplary: tuple[TableRow, ...]
    """The first that tells how a figure is read; or none."""
    count: int
    """Of all rows."""
    measured: int
    """Of these, those that were measured here."""
    strangers: int
    """Of these, those of machines that nobody here knows."""
    models: int
    """That have a row."""


def summary(rows: Sequence[TableRow], *, divided: bool) -> Summary:
    """`rows`: all of some families, fastest first."""
    found = families(rows)
    ours = [row for row in rows if row.provenance == "measured"]
    return Summary(
        rows=tuple(filter(may_answer, rows) if divided else rows),
        families=tuple(family.line if divided else family for family in found),
        fits=tuple(fits(rows)),
        exemplary=next(((row,) for row in rows if example_of([row])), ()),
        count=len(rows),
        measured=len(ours),
        strangers=sum(STRANGER in row.flags for row in ours),
        models=len({row.model for row in rows}),
    )


def together(parts: Iterable[Summary]) -> Summary:
    """Of parts that share no family."""
    parts = list(parts)
    exemplary = _fastest_first(row for part in parts for row in part.exemplary)
    return Summary(
        rows=_fastest_first(row for part in parts for row in part.rows),
        families=tuple(newest_first(family for part in parts for family in part.families)),
        fits=tuple(in_order(fit for part in parts for fit in part.fits)),
        exemplary=exemplary[:1],
        count=sum(part.count for part in parts),
        measured=sum(part.measured for part in parts),
        strangers=sum(part.strangers for part in parts),
        models=sum(part.models for part in parts),
    )


def _fastest_first(rows: Iterable[TableRow]) -> tuple[TableRow, ...]:
    return tuple(sorted(rows, key=lambda row: row.order))
