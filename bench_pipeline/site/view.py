"""The view model: everything that the pages show, made once from the warehouse's tables.

Table, charts, model pages and the script read this one selection: no page chooses rows itself.
"""

from dataclasses import dataclass

from bench_pipeline.site import hardware, rows
from bench_pipeline.site.charts import WorkloadChart, workload_charts
from bench_pipeline.site.coming import Campaign, coming
from bench_pipeline.site.hardware import Card
from bench_pipeline.site.model_view import ModelPage, model_pages
from bench_pipeline.site.rows import Family, TableRow
from bench_pipeline.site.source import Tables
from bench_pipeline.site.wording import backend_name, counted


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


@dataclass(frozen=True)
class Site:
    families: tuple[Family, ...]
    rows: tuple[TableRow, ...]
    cards: tuple[Card, ...]
    unmeasured: tuple[str, ...]
    """Titles of declared rigs that have no run yet."""
    charts: tuple[WorkloadChart, ...]
    first_concurrency: int | None
    """The concurrency whose charts are shown unless a filter names another."""
    filters: tuple[Filter, ...]
    coming: tuple[Campaign, ...]
    models: tuple[ModelPage, ...]
    counts: str
    newest_run: str
    """Day of the newest measured run, or empty."""


def view(tables: Tables) -> Site:
    """SiteError where a chart would have too many bars."""
    inventories = hardware.newest_inventories(tables)
    table_rows = rows.table_rows(tables)
    charts = workload_charts(table_rows, tables.workloads)
    measured = sum(row.provenance == "measured" for row in table_rows)
    started = [run["started_at"] for run in tables.runs if run["started_at"]]
    families = rows.families(table_rows)
    return Site(
        families=tuple(families),
        rows=tuple(table_rows),
        cards=tuple(hardware.cards(tables, inventories)),
        unmeasured=tuple(
            rig["title"] for rig in tables.rigs if rig["declared"] and rig["rig"] not in inventories
        ),
        charts=tuple(charts),
        first_concurrency=min((chart.concurrency for chart in charts), default=None),
        filters=_filters(table_rows, tables),
        coming=tuple(coming(tables)),
        models=tuple(model_pages(tables, table_rows)),
        counts=(
            f"{counted(len(table_rows), 'row')} from {counted(len(inventories), 'rig')}: "
            f"{measured} measured here, {len(table_rows) - measured} taken from elsewhere"
        ),
        newest_run=f"{max(started):%Y-%m-%d}" if started else "",
    )


def _filters(table_rows: list[TableRow], tables: Tables) -> tuple[Filter, ...]:
    rigs = {row.hardware.rig: row.hardware.rig_title for row in table_rows}
    backends = {row.backend: backend_name(row.backend) for row in table_rows}
    streams = sorted({row.concurrency for row in table_rows if row.concurrency is not None})
    return (
        Filter("hardware", "Hardware", "All hardware", _options(rigs)),
        Filter("backend", "Backend", "All backends", _options(backends)),
        Filter(
            "workload",
            "Workload",
            "Range over all",
            tuple(Option(work["workload"], work["title"]) for work in tables.workloads),
        ),
        Filter(
            "concurrency",
            "Concurrency",
            "Any",
            tuple(Option(str(c), counted(c, "stream")) for c in streams),
        ),
    )


def _options(labels: dict[str, str]) -> tuple[Option, ...]:
    return tuple(
        Option(value, label) for value, label in sorted(labels.items(), key=lambda pair: pair[1])
    )
