"""What the charts of configurations show: which ones, in which order, at which values.

A chart is of one kind, workload and concurrency, as only such figures can be compared. What
it says is decided here once: the drawing, the table under it, the sentence above it and what a
browser draws anew under a filter are all made from the same marks.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import Any

from bench_pipeline.measures.knee import LEAST_CAPS, knee_of_caps
from bench_pipeline.site import wording
from bench_pipeline.site.charts.kinds import (
    BITS,
    CAPS,
    CEILING,
    DECODE,
    KINDS,
    PREFILL,
    QUANTS,
    SENTENCES,
    Kind,
)
from bench_pipeline.site.charts.svg import printable
from bench_pipeline.site.source import Row, Tables
from bench_pipeline.site.tables.around import around
from bench_pipeline.site.tables.quants import bits_per_weight
from bench_pipeline.site.tables.rows import Figure, TableRow, cell_href

MAX_DRAWN_BYTES = 40_000
"""Of the values that one drawing is made from, as JSON: a chart of more draws its first marks."""


@dataclass(frozen=True)
class Mark:
    """One configuration's place in a chart. None: not known, so not drawn."""

    row: TableRow
    detail: str
    source: str
    """The figure's, as `wording.source` has it."""
    href: str
    """The cell it comes from."""
    n: int | None
    value: float
    text: str
    lo: float | None = None
    hi: float | None = None
    interval: str = ""
    at: float | None = None
    at_text: str = ""
    at_lo: float | None = None
    at_hi: float | None = None
    label: str = ""
    """Written beside the mark where there is room."""
    series: str = ""
    """Marks of one series share a colour and a shape, and a line in charts that draw one."""
    style: int = 0
    """Number of the series' colour and shape, from 0."""

    @cached_property
    def datum(self) -> dict[str, Any]:
        """The mark as a drawing reads it; what is not known is left out. Not to be changed."""
        known = {
            "row": self.row.id,
            "name": printable(self.row.name),
            "detail": printable(self.detail),
            "elsewhere": self.row.provenance != "measured",
            "label": printable(self.label),
            "series": printable(self.series),
            "style": self.style,
            "text": self.text,
            "value": _drawable(self.value),
            "lo": _drawable(self.lo),
            "hi": _drawable(self.hi),
            "at": _drawable(self.at),
            "at_lo": _drawable(self.at_lo),
            "at_hi": _drawable(self.at_hi),
        }
        return {key: value for key, value in known.items() if value not in (None, "")}


def _drawable(value: float | None) -> float | None:
    """To six digits, a thousandth of a pixel: the others would be half of what a page loads."""
    return None if value is None else float(f"{value:.6g}")


@dataclass(frozen=True)
class Chart:
    kind: Kind
    workload: str
    concurrency: int
    title: str
    at: str
    """Workload and concurrency in words, as far as the title doesn't say them."""
    explanation: str
    marks: tuple[Mark, ...]
    """Highest value first; two or more."""
    most: int
    """Marks in one drawing: the first ones."""

    @property
    def id(self) -> str:
        return f"chart-{self.kind.name}-{self.workload}-{self.concurrency}"

    @property
    def drawn(self) -> tuple[Mark, ...]:
        return self.marks[: self.most]

    @property
    def finding(self) -> str:
        """The chart in one sentence: what a screen reader gets instead of the drawing."""
        drawn = self.drawn
        count = SENTENCES["all" if len(drawn) == len(self.marks) else "some"]
        first, last = (
            SENTENCES["mark"].format(
                name=mark.row.name, detail=mark.detail, text=mark.text, unit=self.kind.unit
            )
            for mark in (drawn[0], drawn[-1])
        )
        return SENTENCES["many" if len(drawn) > 1 else "one"].format(
            title=self.title,
            at=self.at,
            count=count.format(drawn=len(drawn), all=len(self.marks)),
            first=self.kind.first,
            last=self.kind.last,
            a=first,
            b=last,
        )

    @property
    def key(self) -> tuple[tuple[str, int], ...]:
        """Each series with its style."""
        return tuple(sorted({(m.series, m.style) for m in self.marks if m.series}))


def tells(kind: Kind, marks: Sequence[Mark]) -> bool:
    """Whether a drawing of these says something: a bar alone does, points need two places."""
    return len({mark.at for mark in marks}) > 1 if kind.at else bool(marks)


def _chart(kind: Kind, work: Row, concurrency: int, marks: list[Mark]) -> Chart:
    marks.sort(key=lambda mark: (-mark.value, mark.row.order))
    streams = wording.counted(concurrency, "stream")
    return Chart(
        kind=kind,
        workload=work["workload"],
        concurrency=concurrency,
        title=kind.title or work["title"],
        at=f"{work['title']}, {streams}" if kind.title else streams,
        explanation=kind.explanation or work["explanation"],
        marks=tuple(marks),
        most=_most(kind, marks),
    )


def _most(kind: Kind, marks: Sequence[Mark]) -> int:
    """As many as the kind draws, fewer where their names are so long that they weigh too much."""
    sizes = accumulate(len(json.dumps(mark.datum)) for mark in marks[: kind.most])
    heavy = sum(size > MAX_DRAWN_BYTES for size in sizes)
    return max(len(marks[: kind.most]) - heavy, 1) if heavy else kind.most


@dataclass(frozen=True)
class _Listed:
    """A figure of the page's table with the measurement behind it."""

    row: TableRow
    figure: Figure
    cell: Row
    run: Row
    where: str
    """Hardware and setting in words."""
    mark: Mark


class ChartMaker:
    """Takes from the rows of a page what belongs into its charts."""

    def __init__(self, tables: Tables) -> None:
        self._workloads = tables.workloads
        self._cells = {
            cell_href(cell["run_id"], cell["workload"], cell["concurrency"]): cell
            for cell in tables.measurements
        }
        self._runs = {run["run_id"]: run for run in tables.runs}
        self._capped = around(tables).capped

    def charts(self, rows: Sequence[TableRow]) -> tuple[Chart, ...]:
        """Every chart with two marks or more, by kind, concurrency and the order of workloads."""
        listed: dict[tuple[str, int], list[_Listed]] = defaultdict(list)
        for row in rows:
            for figure in row.figures:
                if row.concurrency is not None and figure.tok_s is not None:
                    listed[figure.workload, row.concurrency].append(self._list(row, figure))
        rigs = sorted({row.hardware.rig for row in rows})
        return tuple(
            _chart(kind, work, concurrency, marks)
            for kind in KINDS
            for concurrency in sorted({concurrency for _, concurrency in listed})
            for work in self._workloads
            if len(marks := _marks(kind, listed.get((work["workload"], concurrency), ()), rigs)) > 1
            and tells(kind, marks)
        )

    def _list(self, row: TableRow, figure: Figure) -> _Listed:
        cell = self._cells[figure.href]
        several = (cell["rig"], cell["backend"]) in self._capped
        where = _where(row, cell["power_cap_w"] if several else None)
        mark = _mark(row, figure, where)
        return _Listed(row, figure, cell, self._runs[cell["run_id"]], where, mark)


def _marks(kind: Kind, listed: Sequence[_Listed], rigs: Sequence[str]) -> list[Mark]:
    """Of one workload and concurrency; `rigs` of the page, by which readings are told apart."""
    if kind is DECODE:
        return [each.mark for each in listed]
    if kind is PREFILL:
        return [_reading(each, rigs) for each in listed if each.cell["prefill_tok_s"] is not None]
    if kind is CEILING:
        return [_share(each) for each in listed if each.cell["ceiling_share"] is not None]
    if kind in (QUANTS, BITS):
        return _series(listed, _QUANT_SERIES, _by_size if kind is QUANTS else _by_bits)
    place = _by_cap if kind is CAPS else _energy_by_cap
    return _series(_with_knees(listed), _CAP_SERIES, place, least=LEAST_CAPS)


def _reading(each: _Listed, rigs: Sequence[str]) -> Mark:
    figure = each.figure
    return replace(
        _measured(each.mark, each.cell, "prefill_tok_s"),
        at=figure.tok_s,
        at_lo=figure.lo,
        at_hi=figure.hi,
        at_text=figure.text,
        label=each.row.name,
        series=each.row.hardware.rig_title,
        style=rigs.index(each.row.hardware.rig),
    )


def _where(row: TableRow, cap_w: float | None) -> str:
    parts = [row.hardware.device, f"{row.backend_name} {row.build_name}"]
    parts += [row.setup] if row.setup else []
    parts += [f"{wording.trimmed(cap_w)} W"] if cap_w is not None else []
    parts += [row.mode] if row.mode != "baseline" else []
    return " · ".join(parts)


def _mark(row: TableRow, figure: Figure, where: str) -> Mark:
    doubtful = figure.source_text in ("provisional", "flagged")
    told = ", ".join([figure.source_text, *[f for f in figure.flags if f == wording.ONE_CLOCK]])
    return Mark(
        row=row,
        detail=f"{where} · {told}" if doubtful else where,
        source=figure.source_text,
        href=figure.href,
        n=figure.n,
        value=figure.tok_s or 0.0,
        text=figure.text,
        lo=figure.lo,
        hi=figure.hi,
        interval=figure.interval,
    )


def _measured(mark: Mark, cell: Row, metric: str) -> Mark:
    """The mark at another metric of its cell, with its interval."""
    lo, hi = cell[f"{metric}_lo"], cell[f"{metric}_hi"]
    text, interval = wording.decimal(cell[metric]), wording.span(lo, hi)
    return replace(mark, value=cell[metric], lo=lo, hi=hi, text=text, interval=interval)


def _share(each: _Listed) -> Mark:
    """The ceiling is one number, so the rate's interval is the share's, scaled."""
    share, tok_s = each.cell["ceiling_share"] * 100, each.mark.value
    lo, hi = (None if end is None else end / tok_s * share for end in (each.mark.lo, each.mark.hi))
    interval = f"{wording.span(lo, hi)} %" if lo is not None else ""
    return replace(each.mark, value=share, lo=lo, hi=hi, text=f"{share:.1f} %", interval=interval)


_QUANT_SERIES = ("family", "variant", "rig", "backend", "engine", "build", "mode", "power_cap_w")
_CAP_SERIES = ("model", "rig", "backend", "engine", "build", "mode")


def _series(
    listed: Iterable[_Listed],
    columns: tuple[str, ...],
    place: Callable[[_Listed], Mark | None],
    least: int = 2,
) -> list[Mark]:
    """Marks in series that agree in `columns`; of those with `least` places or more."""
    grouped: dict[tuple[str, ...], list[Mark]] = defaultdict(list)
    for each in listed:
        if (mark := place(each)) is not None:
            grouped[tuple(str(each.cell[column]) for column in columns)].append(mark)
    drawn = [marks for _, marks in sorted(grouped.items()) if len({m.at for m in marks}) >= least]
    return [replace(mark, style=style) for style, marks in enumerate(drawn) for mark in marks]


def _by_size(each: _Listed) -> Mark | None:
    size_bytes = each.run["size_bytes"]
    if size_bytes is None:
        return None
    size_gb = size_bytes / 1e9
    return _quant(each, size_gb, f"{size_gb:.2f}" if size_gb >= 1 else f"{size_gb:.3f}")


def _by_bits(each: _Listed) -> Mark | None:
    bits = bits_per_weight(each.run)
    return None if bits is None else _quant(each, bits, f"{bits:.2f}")


def _quant(each: _Listed, at: float, at_text: str) -> Mark:
    stem = each.row.name.partition(f" {each.row.quant}")[0]
    return replace(
        each.mark,
        at=at,
        at_text=at_text,
        label=each.row.quant,
        series=f"{stem} on {each.where}",
    )


def _with_knees(listed: Iterable[_Listed]) -> list[_Listed]:
    """Those under a known cap, by series; where a series has a knee its label says so."""
    grouped: dict[tuple[str, ...], list[_Listed]] = defaultdict(list)
    for each in listed:
        if each.cell["power_cap_w"] is not None:
            grouped[tuple(str(each.cell[column]) for column in _CAP_SERIES)].append(each)
    found = []
    for group in grouped.values():
        knee_w = knee_of_caps({each.cell["power_cap_w"]: each.mark.value for each in group})
        found += [
            replace(each, mark=replace(each.mark, label="knee"))
            if each.cell["power_cap_w"] == knee_w
            else each
            for each in group
        ]
    return found


def _by_cap(each: _Listed) -> Mark | None:
    cap_w = each.cell["power_cap_w"]
    if cap_w is None:
        return None
    device = f"{each.row.hardware.device}, {each.row.backend_name} {each.row.build_name}"
    mode = "" if each.row.mode == "baseline" else f", {each.row.mode}"
    text = wording.trimmed(cap_w)
    series = f"{each.row.name} on {device}{mode}"
    label = f"{text} W, {each.mark.label}" if each.mark.label else f"{text} W"
    return replace(each.mark, at=cap_w, at_text=text, label=label, series=series)


def _energy_by_cap(each: _Listed) -> Mark | None:
    mark, joules = _by_cap(each), each.cell["joules_per_token"]
    if mark is None or joules is None:
        return None
    text = wording.decimal(joules, 3)
    return replace(mark, value=joules, text=text, lo=None, hi=None, interval="")
