"""The filters of a page of rows: what can be chosen, made from the rows themselves."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench_pipeline.site.source import Tables
from bench_pipeline.site.tables.engine_only import EngineRow
from bench_pipeline.site.tables.rows import TableRow
from bench_pipeline.site.wording import backend_name, counted, trimmed


@dataclass(frozen=True)
class Option:
    value: str
    label: str


@dataclass(frozen=True)
class Filter:
    """One filter of the page; `name` is its parameter in the address."""

    name: str
    label: str
    anything: str
    options: tuple[Option, ...]
    first: bool
    """Among those that stand open; the others unfold."""


def filters(
    rows: Sequence[TableRow], tables: Tables, elsewhere: Sequence[EngineRow] = ()
) -> tuple[Filter, ...]:
    """In the order of the form. A row that lacks the value (a rig without a power cap, a file
    nobody signed) is inside no choice of it. `elsewhere`: rows of a table of their own, which the
    same filters choose from."""
    both: tuple[TableRow | EngineRow, ...] = (*rows, *elsewhere)
    rigs = {row.hardware.rig: row.hardware.rig_title for row in both}
    backends = {row.backend: backend_name(row.backend) for row in both}
    streams = {f"{c:g}": counted(int(c), "stream") for c in _known(row.concurrency for row in rows)}
    caps = {
        trimmed(watts): f"{trimmed(watts)} W" for watts in _known(row.power_cap_w for row in rows)
    }
    workloads = {work["workload"]: work["title"] for work in tables.workloads}
    return (
        _filter("rig", "Hardware", "All hardware", _by_label(rigs)),
        _filter("workload", "Workload", "Range over all", workloads),
        _filter("concurrency", "Concurrency", "Any", streams),
        _filter("backend", "Backend", "All backends", _by_label(backends)),
        _filter("family", "Family", "All families", _same(row.family for row in both), False),
        _filter("quant", "Quant", "All quants", _same(row.quant for row in both), False),
        _filter("creator", "Quantized by", "Anybody", _same(r.creator for r in both), False),
        _filter("engine", "Engine", "All engines", _same(row.engine for row in both), False),
        _filter("build", "Build", "All builds", _same(row.build for row in both), False),
        _filter("mode", "Mode", "All modes", _same(row.mode for row in rows), False),
        _filter("cap", "Power cap", "Any", caps, False),
    )


def _filter(
    name: str, label: str, anything: str, labels: dict[str, str], first: bool = True
) -> Filter:
    options = tuple(Option(value, text) for value, text in labels.items())
    return Filter(name, label, anything, options, first)


def _known(values: Iterable[float | None]) -> list[float]:
    return sorted({value for value in values if value is not None})


def _same(values: Iterable[str]) -> dict[str, str]:
    return {value: value for value in sorted({value for value in values if value}, key=str.lower)}


def _by_label(labels: dict[str, str]) -> dict[str, str]:
    return dict(sorted(labels.items(), key=lambda pair: pair[1]))
