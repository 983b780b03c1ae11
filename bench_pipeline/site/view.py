"""The view model: everything that the pages show, made once from the warehouse's tables.

Table, charts, model pages and the script read this one selection: no page chooses rows itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench_pipeline.site import hardware
from bench_pipeline.site.charts.configurations import Chart, ChartMaker
from bench_pipeline.site.groups import ROWS_ON_ONE_PAGE
from bench_pipeline.site.hardware import Card
from bench_pipeline.site.models import ModelLine, model_pages
from bench_pipeline.site.runs.view import RunLine
from bench_pipeline.site.source import Tables
from bench_pipeline.site.summary import Summary, summary
from bench_pipeline.site.tables.answers import Machine, machines
from bench_pipeline.site.tables.columns import COLUMNS, Column
from bench_pipeline.site.tables.coming import Campaign, coming
from bench_pipeline.site.tables.engine_only import EngineRow, engine_rows
from bench_pipeline.site.tables.filters import Filter, filters
from bench_pipeline.site.tables.fits import Fit, sizes_of
from bench_pipeline.site.tables.row_maker import table_rows
from bench_pipeline.site.tables.rows import FamilyLine, TableRow
from bench_pipeline.site.wording import STRANGER, counted

ANSWERS_ON_A_DIVIDED_PAGE = 300
"""Of all machines together, some 25 KB gzipped; each shows `FEWEST_ANSWERS` at least. Every answer
stands on the page of its machine and workload."""
FEWEST_ANSWERS = 10


@dataclass(frozen=True)
class Site:
    families: tuple[FamilyLine, ...]
    rows: tuple[TableRow, ...]
    """As `Summary` has them, like the families."""
    engine_only: tuple[EngineRow, ...]
    """Imported figures of the engine alone, and figures as printed elsewhere: never among `rows`,
    which are ranked."""
    divided: bool
    """Whether the families stand on pages of their own."""
    machines: tuple[Machine, ...]
    """The one that is shown first stands first."""
    answers_shown: int
    """Of each machine, on a divided front page."""
    exemplary: tuple[TableRow, ...]
    """The row that tells how a figure is read; or none."""
    fits: tuple[Fit, ...]
    unfit: int
    """Models of which nobody has said how much memory they need."""
    fitting: tuple[tuple[int, int], ...]
    """Memories in GB, each with how many models it holds."""
    cards: tuple[Card, ...]
    unmeasured: tuple[str, ...]
    """Titles of declared rigs that have no run yet."""
    charts: tuple[Chart, ...]
    """Of all rows, on the front page; none where families have their own."""
    filters: tuple[Filter, ...]
    """Of all rows, on the front page; none where families have their own."""
    columns: tuple[Column, ...]
    """Of every table of configurations."""
    coming: tuple[Campaign, ...]
    models: tuple[ModelLine, ...]
    runs: tuple[RunLine, ...]
    """By model, newest first."""
    counts: str
    newest_run: str
    """Day of the newest measured run, or empty."""


def view(tables: Tables) -> Site:
    """Of tables that hold all there is."""
    rows = table_rows(tables)
    elsewhere = engine_rows(tables)
    models = model_pages(tables, rows, elsewhere)
    runs = [run for model in models for run in model.runs]
    told = summary(rows, divided=False)
    return view_of(tables, told, models, runs, elsewhere, divided=len(rows) > ROWS_ON_ONE_PAGE)


def view_of(
    tables: Tables,
    told: Summary,
    models: Sequence[ModelLine],
    runs: Sequence[RunLine],
    elsewhere: Sequence[EngineRow],
    *,
    divided: bool,
) -> Site:
    """Of what was made of the tables: `told` of all rows, `models` in order. `tables` need those
    of the site and `runs`; where the site is not divided, all."""
    inventories = hardware.newest_inventories(tables)
    rows, strangers = told.rows, told.strangers
    every = machines(rows, tables)
    made_here = (run for run in tables.runs if run["provenance"] == "measured")
    started = [run["started_at"] for run in made_here if run["started_at"]]
    return Site(
        families=told.families,
        rows=rows,
        engine_only=tuple(elsewhere),
        divided=divided,
        machines=tuple(every),
        answers_shown=max(FEWEST_ANSWERS, ANSWERS_ON_A_DIVIDED_PAGE // max(1, len(every))),
        exemplary=told.exemplary,
        fits=told.fits,
        unfit=told.models - len(told.fits),
        fitting=tuple(sizes_of(told.fits)),
        cards=tuple(hardware.cards(tables, inventories)),
        unmeasured=tuple(
            rig["title"] for rig in tables.rigs if rig["declared"] and rig["rig"] not in inventories
        ),
        charts=() if divided else ChartMaker(tables).charts(rows),
        filters=() if divided else filters(rows, tables, elsewhere),
        columns=COLUMNS,
        coming=tuple(coming(tables)),
        models=tuple(models),
        runs=tuple(runs),
        counts=(
            f"{counted(told.count, 'row')} from {counted(len(inventories), 'rig')}: "
            f"{told.measured - strangers:,} measured here,"
            f" {told.count - told.measured:,} taken from elsewhere"
            + (f", {strangers:,} {STRANGER}" if strangers else "")
        ),
        newest_run=f"{max(started):%Y-%m-%d}" if started else "",
    )
