"""Configurations with their figures, and any two of them side by side.

A configuration is what an id tells apart. Its figure for a workload and a concurrency is
the warehouse's choice; where nothing is listed, the newest cell's reason stands in its place.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from functools import cached_property

from bench_pipeline.measures.comparison import JUDGED
from bench_pipeline.site import wording
from bench_pipeline.site.arrangements import setup_words
from bench_pipeline.site.compare.address import configuration_id
from bench_pipeline.site.compare.facts import Facts, facts_of
from bench_pipeline.site.compare.rule import Judgement, Value
from bench_pipeline.site.devices import device_of
from bench_pipeline.site.source import Row, Tables
from bench_pipeline.site.tables.around import around
from bench_pipeline.site.tables.engine_only import (
    ENGINE_ONLY,
    EngineRow,
    engine_rows,
)
from bench_pipeline.site.tables.rows import (
    cell_href,
    file_name,
    model_href,
    why_unlisted,
)

SETS_APART = (
    *("model", "family", "variant", "quant", "creator", "size_bytes", "rig", "backend", "engine"),
    *("build", "build_number", "mode", "power_cap_w", "provenance", "started_at"),
)
"""Columns of `runs` by which configurations are paired."""

METRICS: dict[str, Callable[[float], str]] = {
    "decode_tok_s": wording.decimal,
    "prefill_tok_s": wording.decimal,
    "ttft_ms": wording.decimal,
    "throughput_tok_s": wording.decimal,
    "itl_p99_ms": wording.decimal,
    "joules_per_token": lambda value: wording.decimal(value, 3),
    "ceiling_share": wording.percent,
    "memory_peak_mib": lambda value: f"{wording.decimal(value / 1024, 2)} GiB",
}
"""What is compared, in this order, and how it is written."""

SERVED = "served"

Place = tuple[str, int]
"""Workload and concurrency."""


ELSEWHERE = 0
"""In place of the streams: a test without a server, or a figure as printed. Its shape stands in
place of the workload, so it meets no served cell."""


@dataclass(frozen=True)
class CompareCell:
    key: str
    """Run, workload and concurrency."""
    workload: str
    concurrency: int
    href: str
    n: int | None
    reason: str
    """Why it is not listed; empty where it is."""
    flags: tuple[str, ...]
    values: dict[str, Value]
    """By metric; those that are known."""


@dataclass(frozen=True)
class Outline:
    """A configuration without its figures: what it takes to name it and to find it a partner."""

    id: str
    model: str
    name: str
    """The model's."""
    parts: tuple[str, ...]
    """Everything else, in words."""
    kind: str
    """SERVED, or what a row of figures from elsewhere is: `engine only`, `as published`."""
    shapes: tuple[str, ...]
    """Of its figures that are no served cells."""
    run: str
    """The newest behind its figures: where its facts are from."""
    concurrencies: tuple[int, ...]
    """At which it has cells, in order."""
    with_figures: tuple[int, ...]
    """Those at which a cell has a figure."""
    problem: str
    """Why there is no cell at all; empty where there are some."""
    row: Row = field(repr=False)
    """The columns `SETS_APART` of that run."""

    @property
    def href(self) -> str:
        return model_href(self.model)

    @property
    def label(self) -> str:
        return " · ".join((self.name, *self.parts))

    @property
    def order(self) -> tuple[bool, str, str]:
        """Those with served cells first."""
        return self.kind != SERVED, self.label, self.id


@dataclass(frozen=True)
class Configuration(Outline):
    cells: dict[Place, CompareCell]

    @property
    def outline(self) -> Outline:
        return Outline(**{each.name: getattr(self, each.name) for each in fields(Outline)})


@dataclass(frozen=True)
class JudgedCell:
    before: CompareCell
    after: CompareCell
    judgements: dict[str, Judgement]
    """By metric."""


@dataclass(frozen=True)
class Session:
    """Two builds of one configuration measured in turns."""

    before: str
    """Ids of the two configurations."""
    after: str
    run_before: str
    run_after: str
    compiled: str
    """How they were compiled differently, in words; empty where they were not."""
    cells: dict[Place, JudgedCell]


@dataclass(frozen=True)
class Catalogue:
    """All that can be compared, or all of some models."""

    configurations: tuple[Configuration, ...]
    """In their order."""
    facts: dict[str, Facts]
    """By run."""
    sessions: dict[tuple[str, str], Session]
    """By the ids of the older and the newer build; the newest session of each two."""
    workloads: dict[str, str]
    """Titles, in the order of a page."""
    shapes: dict[str, str]
    """Of figures from elsewhere, in words."""

    @property
    def works(self) -> dict[str, str]:
        """Workloads, then shapes."""
        return self.workloads | dict(sorted(self.shapes.items()))

    @cached_property
    def by_id(self) -> dict[str, Configuration]:
        return {configuration.id: configuration for configuration in self.configurations}

    def of(self, model: str) -> "Catalogue":
        """One that has all of that model: itself."""
        return self


def catalogue(tables: Tables) -> Catalogue:
    maker = _Maker(tables)
    elsewhere = engine_rows(tables)
    configurations = sorted(maker.configurations(elsewhere), key=lambda c: c.order)
    sessions = maker.sessions({configuration.id for configuration in configurations})
    shown = {configuration.run for configuration in configurations}
    shown |= {run for s in sessions.values() for run in (s.run_before, s.run_after)}
    return Catalogue(
        configurations=tuple(configurations),
        facts={run: maker.facts(run) for run in sorted(shown)},
        sessions=sessions,
        workloads={work["workload"]: work["title"] for work in tables.workloads},
        shapes={speed.shape: speed.of for row in elsewhere for _, speed in row.comparable},
    )


def _started(row: Row) -> str:
    return row["started_at"].isoformat() if row["started_at"] else ""


class _Maker:
    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.runs = {run["run_id"]: run for run in tables.runs}
        self.titles = {rig["rig"]: rig["title"] for rig in tables.rigs}
        self.servers: dict[str, list[Row]] = defaultdict(list)
        for server in tables.servers:
            self.servers[server["run_id"]].append(server)
        self.measured = {
            (m["run_id"], m["workload"], m["concurrency"]): m for m in tables.measurements
        }
        self.cells: dict[str, list[Row]] = defaultdict(list)
        for cell in tables.measurements:
            self.cells[cell["run_id"]].append(cell)
        self.shared_names = around(tables).shared_names

    def configurations(self, elsewhere: Iterable[EngineRow]) -> list[Configuration]:
        listed = {
            (s["run_id"], s["workload"], s["concurrency"]) for s in self.tables.workload_speeds
        }
        cells: dict[str, dict[Place, Row]] = defaultdict(dict)
        for row in sorted(self.tables.measurements, key=_started):
            place = row["workload"], row["concurrency"]
            own = cells[configuration_id(row)]
            if (row["run_id"], *place) in listed or (
                why_unlisted(row) and (place not in own or why_unlisted(own[place]))
            ):
                own[place] = row
        newest: dict[str, Row] = {}
        for run in sorted(self.tables.runs, key=_started):
            own = cells.get(configuration_id(run), {})
            behind = {row["run_id"] for row in own.values()}
            if run["run_id"] in behind or (not behind and run["status"] == "failed"):
                newest[configuration_id(run)] = run
        others = {configuration_id(self.runs[row.run_id]): row for row in elsewhere}
        newest |= {id: self.runs[row.run_id] for id, row in others.items() if id not in newest}
        return [
            self._configuration(run, cells.get(id, {}), others.get(id))
            for id, run in newest.items()
        ]

    def _configuration(
        self, run: Row, cells: dict[Place, Row], other: EngineRow | None
    ) -> Configuration:
        backend = wording.backend_name(run["backend"])
        parts = [f"{backend} {wording.build(run['engine'], run['build'])}", device_of(run)]
        parts += filter(None, [setup_words(run)])
        if run["power_cap_w"]:
            parts.append(f"{wording.trimmed(run['power_cap_w'])} W")
        if run["mode"] != "baseline":
            parts.append(run["mode"])
        parts.append(self.titles.get(run["rig"]) or run["rig"])
        if run["provenance"] != "measured":
            parts.append(run["provenance"])
        made = {place: self._cell(row) for place, row in sorted(cells.items())}
        kind, shapes = SERVED, dict[Place, CompareCell]()
        if other:
            shapes = _shapes(other)
            kind = SERVED if cells else other.kind
            parts += (
                [] if cells else filter(None, (kind, other.settings, other.spilled and "spilled"))
            )
        return Configuration(
            id=configuration_id(run),
            model=run["model"],
            name=file_name(run, self.shared_names),
            parts=tuple(parts),
            kind=kind,
            shapes=tuple(shape for shape, _ in shapes),
            run=run["run_id"],
            concurrencies=tuple(sorted({concurrency for _, concurrency in made})),
            with_figures=tuple(sorted({c.concurrency for c in made.values() if c.values})),
            row={column: run[column] for column in SETS_APART},
            cells=made | shapes,
            problem="" if cells or other else wording.failure(run["failure_kind"]),
        )

    def _cell(self, row: Row) -> CompareCell:
        place = row["run_id"], row["workload"], row["concurrency"]
        reason = why_unlisted(row)
        return CompareCell(
            key="/".join(map(str, place)),
            workload=row["workload"],
            concurrency=row["concurrency"],
            href=cell_href(*place),
            n=row["n"],
            reason=reason,
            flags=wording.flags(row["flags"]),
            values={}
            if reason
            else {metric: _value(row, metric) for metric in METRICS if row[metric] is not None},
        )

    def facts(self, run_id: str) -> Facts:
        run = self.runs[run_id]
        served = [s for s in self.servers[run_id] if s["concurrencies"]] or self.servers[run_id]
        first = min(served, key=lambda s: (s["concurrencies"], s["server"]), default=None)
        title = self.titles.get(run["rig"]) or run["rig"]
        return facts_of(run, title, (first["argv"] or ()) if first else (), self.cells[run_id])

    def sessions(self, known: set[str]) -> dict[tuple[str, str], Session]:
        """Of configurations that are known."""
        rows: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self.tables.comparisons:
            if row["session_id"] is not None and row["metric"] in JUDGED:
                ends = (
                    configuration_id(self.runs[row["run_before"]]),
                    configuration_id(self.runs[row["run_after"]]),
                )
                if known.issuperset(ends):
                    rows[ends].append(row)
        return {ends: self._session(ends, found) for ends, found in sorted(rows.items())}

    def _session(self, ends: tuple[str, str], rows: list[Row]) -> Session:
        newest = max(rows, key=lambda row: (_started(row), row["session_id"]))
        runs = newest["run_before"], newest["run_after"]
        cells: dict[Place, JudgedCell] = {}
        for row in rows:
            if (row["run_before"], row["run_after"]) != runs or row["ratio"] is None:
                continue
            place = row["workload"], row["concurrency"]
            before, after = (self._cell(self.measured[run, *place]) for run in runs)
            cell = cells.setdefault(place, JudgedCell(before, after, {}))
            cell.judgements[row["metric"]] = Judgement(
                row["verdict"], row["ratio"], row["ratio_lo"], row["ratio_hi"], row["reason"] or ""
            )
        compiled = newest["compile_difference"] if newest["compiled_differently"] else ""
        return Session(*ends, *runs, compiled or "", cells)


def _shapes(row: EngineRow) -> dict[Place, CompareCell]:
    values: dict[str, dict[str, Value]] = defaultdict(dict)
    for kind, speed in row.comparable:
        text = speed.text.removesuffix(" tok/s")
        values[speed.shape][f"{kind}_tok_s"] = Value(text, speed.how, _six(speed.value))
    part = "bare" if row.kind == ENGINE_ONLY else "printed"
    return {
        (shape, ELSEWHERE): CompareCell(
            key=f"{row.run_id}/{shape}/{ELSEWHERE}",
            workload=shape,
            concurrency=ELSEWHERE,
            href=f"{row.href}#{part}-title",
            n=None,
            reason="",
            flags=(),
            values=found,
        )
        for shape, found in sorted(values.items())
    }


def _value(figures: Row, metric: str) -> Value:
    """To six digits: what the page computes with is what its script computes with."""
    write = METRICS[metric]
    lo, hi = figures.get(f"{metric}_lo"), figures.get(f"{metric}_hi")
    ends = [] if lo is None or hi is None else list(dict.fromkeys((write(lo), write(hi))))
    return Value(
        text=write(figures[metric]),
        interval=f" {wording.DASH} ".join(ends),
        value=_six(figures[metric]),
        lo=_six_or_none(lo),
        hi=_six_or_none(hi),
    )


def _six(value: float) -> float:
    return float(f"{value:.6g}")


def _six_or_none(value: float | None) -> float | None:
    return None if value is None else _six(value)
