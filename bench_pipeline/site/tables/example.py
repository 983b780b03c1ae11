"""A figure of the site by which the method page shows how one is read."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench_pipeline.site.tables.rows import TableRow


@dataclass(frozen=True)
class Example:
    """A real figure of the front page."""

    what: str
    tok_s: str
    interval: str
    n: int
    href: str


def example_of(rows: Iterable[TableRow]) -> Example | None:
    """The first of the big table that was measured here and has an interval."""
    for row in rows:
        for figure in row.figures:
            if figure.in_full and figure.interval:
                return Example(
                    what=f"{row.name}, {figure.title}, on {row.hardware.rig_title}",
                    tok_s=figure.text,
                    interval=figure.interval,
                    n=figure.n or 0,
                    href=figure.href,
                )
    return None
