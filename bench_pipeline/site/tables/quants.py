"""One model's quants beside each other: what is inside of each file, and how fast it is."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench_pipeline.site import wording
from bench_pipeline.site.source import Row
from bench_pipeline.site.tables.rows import TableRow, model_href, run_href

PLACES_SHOWN = 3
"""Rigs and backends of which a model's page has a table; the family's charts show all."""
_TRACE = 0.005
"""Types that hold a smaller share of the bytes are not named: norms, mostly."""


@dataclass(frozen=True)
class QuantLine:
    """A line is known by its texts alone: what a page is made of is hashed, figures and all."""

    name: str
    maker: str
    """Who made the file; empty where nobody said."""
    model: str
    size: str
    bits: str
    """Bits per weight; `≤` before it where all that is known is the file's size, which holds the
    vocabulary too."""
    held: str
    """The types of its tensors with their share of the weights' bytes; empty: not recorded."""
    speeds: tuple[tuple[str, str, str], ...]
    """For each workload of the page the rate, its interval and the cell that it comes from."""

    @property
    def href(self) -> str:
        return model_href(self.model)


@dataclass(frozen=True)
class QuantTable:
    """Files of one family and variant, measured on one rig alike; smallest first."""

    where: str
    """Hardware, backend, build and whatever else all have in common, in words."""
    streams: int
    workloads: tuple[str, ...]
    """Their titles."""
    lines: tuple[QuantLine, ...]


def bits_per_weight(run: Row) -> float | None:
    """Of a row of `runs`: bits of all tensors over their weights; None where they were not read."""
    tensors = json.loads(run["tensors_json"] or "[]")
    weights = sum(held["weights"] for held in tensors)
    return sum(held["size_bytes"] for held in tensors) * 8 / weights if weights else None


def quant_tables(
    rows: Iterable[TableRow], runs: Iterable[Row]
) -> Mapping[tuple[str, str], tuple[QuantTable, ...]]:
    """By family and variant, a table for each place where two files or more have a figure, those
    of most files first. `runs`: those that the rows lead to."""
    by_href = {run_href(run["run_id"]): run for run in runs}
    alike: dict[tuple[object, ...], list[TableRow]] = defaultdict(list)
    for row in rows:
        if row.low is not None and row.concurrency is not None:
            alike[_alike(row)].append(row)
    found: dict[tuple[str, str], dict[tuple[object, ...], list[TableRow]]] = defaultdict(dict)
    for key, of_place in sorted(alike.items(), key=lambda item: item[1][0].concurrency or 0):
        if len({row.model for row in of_place}) > 1:
            # at the fewest streams only
            found[of_place[0].family, of_place[0].variant].setdefault(key[:-1], of_place)
    return {
        of: tuple(
            _table(sorted(each, key=_size), by_href)
            for each in sorted(places.values(), key=lambda each: (-len(each), _size(each[0])))
        )
        for of, places in found.items()
    }


def _alike(row: TableRow) -> tuple[object, ...]:
    """What the rows of one table have in common; last the concurrency."""
    setting = (row.hardware.rig, row.backend, row.engine, row.build, row.mode, row.power_cap_w)
    return (row.family, row.variant, *setting, row.provenance, row.kind, row.concurrency)


def _size(row: TableRow) -> tuple[int, str]:
    return row.size_bytes or 0, row.model


def _table(rows: Sequence[TableRow], runs: Mapping[str, Row]) -> QuantTable:
    first = rows[0]
    parts = [first.hardware.device, f"{first.backend_name} {first.build_name}", first.setup]
    parts += [f"{first.cap} W" if first.cap else "", "" if first.mode == "baseline" else first.mode]
    return QuantTable(
        where=", ".join(part for part in parts if part),
        streams=first.concurrency or 0,
        workloads=tuple(figure.title for figure in first.figures),
        lines=tuple(_line(row, runs[row.href]) for row in rows),
    )


def _line(row: TableRow, run: Row) -> QuantLine:
    bits, about = bits_per_weight(run), ""
    if bits is None and run["parameters"] and run["size_bytes"]:
        bits, about = run["size_bytes"] * 8 / run["parameters"], "≤ "
    return QuantLine(
        name=row.name,
        maker=row.creator,
        model=row.model,
        size=row.size,
        bits=wording.DASH if bits is None else f"{about}{bits:.2f}",
        held=held_words(run),
        speeds=tuple((figure.text, figure.interval, figure.href) for figure in row.figures),
    )


def held_words(run: Row) -> str:
    """`Q4_K 71 %, Q6_K 29 %`: most bytes first; empty where it was not read."""
    tensors = json.loads(run["tensors_json"] or "[]")
    whole = sum(held["size_bytes"] for held in tensors)
    shares = [(held["type"], held["size_bytes"] / whole) for held in tensors]
    return ", ".join(
        f"{kind} {wording.percent(share)}" for kind, share in shares if share >= _TRACE
    )
