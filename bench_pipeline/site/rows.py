"""The big table: families, their rows, and what each row says for each workload.

A row is one configuration: model x rig x backend x build x mode x power cap x concurrency,
measured or published. Its range comes from `speed_ranges`, its figures from `workload_speeds`.
What has no listed figure is not left blank: it takes its reason from `measurements`, or from
`runs` where a run ended before its first cell.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from bench_pipeline.site import wording
from bench_pipeline.site.hardware import Hardware, hardware_of
from bench_pipeline.site.source import Row, Tables

SETTING = ("model", "rig", "backend", "engine", "build", "mode", "power_cap_w", "provenance")
"""Columns that tell configurations apart, concurrency aside."""

Key = tuple[object, ...]


@dataclass(frozen=True)
class Figure:
    """One row's decode rate for one workload, or why it has none."""

    workload: str
    title: str
    tok_s: float | None
    lo: float | None = None
    hi: float | None = None
    n: int | None = None
    reason: str = ""
    """Why there is no rate; empty where there is one."""
    href: str = ""
    """The cell on its run's page, or the model's page where there is none."""

    @property
    def text(self) -> str:
        return self.reason if self.tok_s is None else wording.decimal(self.tok_s)

    @property
    def interval(self) -> str:
        return wording.span(self.lo, self.hi)


@dataclass(frozen=True)
class TableRow:
    id: str
    model: str
    family: str
    released: str
    variant: str
    quant: str
    hardware: Hardware
    backend: str
    engine: str
    build: str
    mode: str
    concurrency: int | None
    """None: the run failed before its first cell."""
    provenance: str
    """`measured` here, or `published` (as printed) or `imported` from elsewhere."""
    provisional: bool
    """Measured by profile `quick`, or on a host that was not quiet."""
    flags: tuple[str, ...]
    """What disturbed its measuring, in words."""
    low: float | None
    high: float | None
    problem: str
    """Why the row has no range; empty where it has one."""
    note: str
    """What is missing from the range."""
    figures: tuple[Figure, ...]
    """One for each workload of the page, in its order."""
    href: str

    @property
    def name(self) -> str:
        return model_name(self.family, self.variant, self.quant)

    @property
    def backend_name(self) -> str:
        return wording.backend_name(self.backend)

    @property
    def text(self) -> str:
        return self.problem or wording.span(self.low, self.high)

    @property
    def source_text(self) -> str:
        if self.provenance != "measured":
            return self.provenance
        if self.provisional:
            return "provisional"
        return "flagged" if self.flags else "measured"

    @property
    def order(self) -> tuple[object, ...]:
        """Fastest first, rows without a figure last."""
        return (self.high is None, -(self.high or 0), self.name, self.concurrency or 0, self.id)


@dataclass(frozen=True)
class Family:
    id: str
    name: str
    released: str
    rows: tuple[TableRow, ...]
    results: int
    """Cells with a figure, over all rows."""


def model_name(family: str, variant: str, quant: str) -> str:
    """Family and variant without saying the same twice: `LFM2.5-350M` + `350M`."""
    stem = family if family.lower().endswith(variant.lower()) else f"{family} {variant}"
    return f"{stem} {quant}"


def cell_anchor(workload: str, concurrency: int) -> str:
    """A cell's id on its run's page."""
    return f"{workload}-{concurrency}"


def run_href(run_id: str) -> str:
    return f"runs/{run_id}.html"


def cell_href(run_id: str, workload: str, concurrency: int) -> str:
    return f"{run_href(run_id)}#{cell_anchor(workload, concurrency)}"


def model_href(model: str) -> str:
    return f"models/{model}.html"


def table_rows(tables: Tables) -> list[TableRow]:
    """Every row of the page, fastest first."""
    maker = _RowMaker(tables)
    found = [maker.listed(row) for row in tables.speed_ranges]
    found += maker.failed()
    return sorted(found, key=lambda row: row.order)


def families(rows: Iterable[TableRow]) -> list[Family]:
    """Newest family first; the rows keep their order."""
    by_name: dict[str, list[TableRow]] = defaultdict(list)
    for row in rows:
        by_name[row.family].append(row)
    made = [
        Family(
            id=f"family-{_digest(name)}",
            name=name,
            released=min(row.released for row in members),
            rows=tuple(members),
            results=sum(f.tok_s is not None for row in members for f in row.figures),
        )
        for name, members in sorted(by_name.items())
    ]
    return sorted(made, key=lambda family: family.released, reverse=True)


def why_unlisted(cell: Row) -> str:
    """Why a row of `measurements` is not among the listed speeds."""
    if cell["status"] == "failed":
        return wording.failure(cell["failure_kind"])
    if cell["memory_verdict"] == "spilled":
        return wording.failure("spilled")
    if cell["clocks_agree"] is False:
        return "clocks disagree, not listed"
    if cell["delivered_on_time"] is False:
        return "tokens came late, not listed"
    if cell["decode_tok_s"] is None:
        return "no decode rate"
    return ""


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:10]


def _setting(row: Row) -> Key:
    return tuple(row[column] for column in SETTING)


def _newest(row: Row) -> str:
    return row["started_at"].isoformat() if row["started_at"] else ""


class _RowMaker:
    """The lookups that every row needs, made once."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.runs = {run["run_id"]: run for run in tables.runs}
        self.titles = {rig["rig"]: rig["title"] for rig in tables.rigs}
        self.speeds: dict[Key, dict[str, Row]] = defaultdict(dict)
        for speed in tables.workload_speeds:
            key = (*_setting(speed), speed["concurrency"])
            self.speeds[key][speed["workload"]] = speed
        self.unlisted: dict[Key, dict[str, Row]] = defaultdict(dict)
        for cell in sorted(tables.measurements, key=_newest):
            key = (*_setting(cell), cell["concurrency"])
            if cell["workload"] not in self.speeds.get(key, {}) and why_unlisted(cell):
                self.unlisted[key][cell["workload"]] = cell

    def listed(self, row: Row) -> TableRow:
        key = (*_setting(row), row["concurrency"])
        newest = max((self.runs[run_id] for run_id in row["run_ids"]), key=_newest)
        return self._row(key, newest, row)

    def failed(self) -> list[TableRow]:
        """Configurations without any figure: their cells failed, or a run came to none."""
        listed = {(*_setting(row), row["concurrency"]) for row in self.tables.speed_ranges}
        found = []
        for key, cells in self.unlisted.items():
            if key not in listed:
                newest = max(cells.values(), key=_newest)
                found.append(self._row(key, self.runs[newest["run_id"]], newest))
        with_cells = {_setting(cell) for cell in self.tables.measurements}
        empty = {
            _setting(run): run
            for run in sorted(self.tables.runs, key=_newest)
            if run["status"] == "failed" and _setting(run) not in with_cells
        }
        found += [self._row((*setting, None), run, run) for setting, run in empty.items()]
        return found

    def _row(self, key: Key, run: Row, row: Row) -> TableRow:
        """`row` is of `speed_ranges`, or names the failure of a row that has no range."""
        figures = tuple(self._figure(key, work, run) for work in self.tables.workloads)
        low, high = row.get("decode_tok_s_min"), row.get("decode_tok_s_max")
        missing = [figure for figure in figures if figure.tok_s is None]
        reasons = list(dict.fromkeys(f.reason for f in missing if f.reason != "not measured"))
        problem = note = ""
        if low is None:
            problem = wording.listed(reasons) or wording.failure(run["failure_kind"])
        elif missing:
            note = f"{len(figures) - len(missing)} of {len(figures)} workloads"
            note += f"; else {wording.listed(reasons)}" if reasons else ""
        concurrency = key[-1]
        return TableRow(
            id=f"row-{_digest(*key)}",
            model=run["model"],
            family=run["family"],
            released=run["released"],
            variant=run["variant"],
            quant=run["quant"],
            hardware=hardware_of(run, self.titles.get(run["rig"]) or run["rig"]),
            backend=run["backend"],
            engine=run["engine"],
            build=run["build"],
            mode=run["mode"],
            concurrency=concurrency if isinstance(concurrency, int) else None,
            provenance=run["provenance"],
            provisional=bool(row.get("provisional")),
            flags=() if low is None else wording.flags(row["flags"]),
            low=low,
            high=high,
            problem=problem,
            note=note,
            figures=figures,
            href=run_href(run["run_id"]),
        )

    def _figure(self, key: Key, work: Row, run: Row) -> Figure:
        name, page = work["workload"], model_href(run["model"])
        speed = self.speeds.get(key, {}).get(name)
        cell = speed or self.unlisted.get(key, {}).get(name)
        if cell is None:
            early = key[-1] is None
            reason = wording.failure(run["failure_kind"]) if early else "not measured"
            return Figure(name, work["title"], None, reason=reason, href=page)
        href = cell_href(cell["run_id"], name, cell["concurrency"])
        if speed is None:
            return Figure(name, work["title"], None, reason=why_unlisted(cell), href=href)
        return Figure(
            workload=name,
            title=work["title"],
            tok_s=speed["decode_tok_s"],
            lo=speed["decode_tok_s_lo"],
            hi=speed["decode_tok_s_hi"],
            n=speed["n"],
            href=href,
        )
