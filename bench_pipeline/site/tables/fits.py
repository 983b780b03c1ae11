"""What fits in how much memory: each model with what it took where it was measured, or its file.

A measured need is the least that any listed cell's server held, with the context it had; a model
that only others measured needs at least its file, and says so.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from bench_pipeline.site import wording
from bench_pipeline.site.tables.rows import Figure, TableRow, model_href

SIZES_GB = (4, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 80, 96, 128, 192, 256, 512)
"""Memories that cards and machines are sold with."""
SPARE = 0.95
"""Of a card's memory that a model may have: driver and display take the rest."""

_GIB = 2**30


@dataclass(frozen=True)
class Fit:
    model: str
    name: str
    need_bytes: float
    measured: bool
    """Whether the need was measured; else it is the file's size."""
    context_tokens: int | None
    """That it had with this need."""
    fastest: TableRow | None
    """The row with the highest rate at one stream, wherever it was measured."""

    @property
    def href(self) -> str:
        return model_href(self.model)

    @property
    def need(self) -> str:
        gib = f"{self.need_bytes / _GIB:.2f} GiB"
        return gib if self.measured else f"over {gib}"

    @property
    def card_gb(self) -> int | None:
        """The smallest memory that holds it; None where the largest does not."""
        return next((gb for gb in SIZES_GB if self.need_bytes <= gb * _GIB * SPARE), None)

    @property
    def context(self) -> str:
        return wording.DASH if self.context_tokens is None else f"{self.context_tokens:,}"


def fits(rows: Iterable[TableRow]) -> list[Fit]:
    """Every model with a known need, the least demanding first."""
    by_model: dict[str, list[TableRow]] = defaultdict(list)
    for row in rows:
        by_model[row.model].append(row)
    found = [fit for members in by_model.values() if (fit := _fit(members))]
    return in_order(found)


def in_order(found: Iterable[Fit]) -> list[Fit]:
    """The least demanding first."""
    return sorted(found, key=lambda fit: (fit.need_bytes, fit.name))


def _fit(every: list[TableRow]) -> Fit | None:
    """Of rows whose model lay whole on its device, if it ever did."""
    rows = [row for row in every if not row.kind] or every
    whole = not rows[0].kind
    held = [
        (peak * 2**20, figure)
        for row in rows
        for figure in row.listed
        if whole and (peak := figure.metrics.get("memory_peak_mib")) is not None
    ]
    sizes = [row.size_bytes for row in rows if row.size_bytes]
    need: tuple[float, Figure | None] | None = min(
        held, key=lambda each: each[0], default=(float(min(sizes)), None) if sizes else None
    )
    if need is None:
        return None
    alone = [row for row in rows if row.concurrency == 1 and row.high is not None]
    return Fit(
        model=rows[0].model,
        name=rows[0].name,
        need_bytes=need[0],
        measured=bool(held),
        context_tokens=need[1].context_tokens if need[1] else None,
        fastest=min(alone, key=lambda row: row.order, default=None),
    )


def sizes_of(found: Iterable[Fit]) -> list[tuple[int, int]]:
    """Each memory that holds more models than the one before, with how many it holds."""
    needed = [fit.card_gb for fit in found]
    counts = [(gb, sum(need is not None and need <= gb for need in needed)) for gb in SIZES_GB]
    return [
        (gb, count)
        for (gb, count), before in zip(counts, [0, *(count for _, count in counts)], strict=False)
        if count > before
    ]
