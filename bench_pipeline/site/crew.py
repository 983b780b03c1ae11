"""Makes the pages that are not kept yet: here, or by all cores where they are many.

Each process reads what it needs from the warehouse and puts the pages among the kept ones, so that
nobody holds more than some runs at a time.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench_pipeline.errors import SiteError
from bench_pipeline.processes import ProcessLost, in_processes, usable_cores
from bench_pipeline.progress import Reporter
from bench_pipeline.site import wording
from bench_pipeline.site.charts import svg
from bench_pipeline.site.charts.drawing import drawn_beside
from bench_pipeline.site.data.parts import part_of
from bench_pipeline.site.earlier import earlier_of
from bench_pipeline.site.groups import Group, Plan, TrendPlace
from bench_pipeline.site.kept import Kept
from bench_pipeline.site.keys import key_of
from bench_pipeline.site.pages import group as group_pages
from bench_pipeline.site.pages import press, trends
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.source import BY_MODEL, BY_RUN, Row, Tables, read_tables
from bench_pipeline.site.trends.maker import trends_of
from bench_pipeline.warehouse.store import Warehouse

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

RUNS_AT_ONCE = 120
"""Read together: a query costs as much for one model as for ten; 40 take up to a tenth longer, 160
are no faster and want more memory."""
RUNS_WORTH_A_CREW = 80
"""To start processes takes two seconds of each core; a run's pages take some 30 ms."""


@dataclass(frozen=True)
class _Task:
    groups: tuple[Group, ...] = ()
    trend_place: TrendPlace | None = None


def make_missing(
    connection: "DuckDBPyConnection",
    warehouse: Path,
    root: Path,
    plan: Plan,
    kept: Kept,
    reporter: Reporter,
) -> None:
    """Until every group and every place of trends has its entry. `root`: of the run files."""
    groups = [group for group in plan.groups if not kept.has(group.key)]
    tasks = [_Task(trend_place=place) for place in plan.trend_places if not kept.has(place.key)]
    tasks += [_Task(groups=batch) for batch in _batches(groups)]
    if not tasks:
        return
    what = f"Drawing the pages of {wording.counted(len(tasks), 'part')}"
    with reporter.step(what, total=len(tasks)) as step:
        cores = usable_cores()
        if sum(group.runs for group in groups) < RUNS_WORTH_A_CREW or cores < 2:
            # only families' pages are drawn here: the front page's charts are not in any group
            worth_it = bool(plan.divided and groups and cores > 1)
            with drawn_beside() if worth_it else nullcontext():
                for task in tasks:
                    _make(connection, warehouse, root, kept, task)
                    step.advance(1)
        else:
            for _ in _by_all_cores(warehouse, root, kept, tasks, cores):
                step.advance(1)
    for task in tasks:
        made = [task.trend_place.key] if task.trend_place else [each.key for each in task.groups]
        if not all(kept.has(key) for key in made):
            raise SiteError(
                "pages that were just made are gone",
                mend="leave that folder alone while a site is built, then build again",
                where=kept.folder,
            )


def _batches(groups: Iterable[Group]) -> Iterator[tuple[Group, ...]]:
    batch: list[Group] = []
    for group in groups:
        batch.append(group)
        if sum(each.runs for each in batch) >= RUNS_AT_ONCE:
            yield tuple(batch)
            batch = []
    if batch:
        yield tuple(batch)


def _by_all_cores(
    warehouse: Path, root: Path, kept: Kept, tasks: Sequence[_Task], cores: int
) -> Iterator[object]:
    heaviest_first = sorted(tasks, key=lambda task: -sum(group.runs for group in task.groups))
    try:
        yield from in_processes(partial(_work, warehouse, root, kept.folder), heaviest_first, cores)
    except ProcessLost:
        raise SiteError(
            "a process that draws pages was killed",
            mend="give it more memory, then build again: what was drawn is kept",
            where=warehouse,
        ) from None


def _work(warehouse: Path, root: Path, folder: Path, task: _Task) -> None:
    kept = Kept(folder)
    with Warehouse(warehouse).read() as connection, compiled_kept(kept):
        _make(connection, warehouse, root, kept, task)


@contextmanager
def compiled_kept(kept: Kept) -> Iterator[None]:
    """Kinds of charts and templates that are used within are compiled once for all builds of this
    code: that takes longer than all that a build of some runs draws."""
    key = key_of("compiled")

    def learn() -> tuple[int, int]:
        charts, templates = (kept.value(key, "compiled") if kept.has(key) else None) or ({}, {})
        svg.learn(charts)
        press.learn(templates)
        return len(charts), len(templates)

    learn()
    yield
    known = learn()  # what other processes made meanwhile
    made = svg.all_compiled(), press.all_compiled()
    if (len(made[0]), len(made[1])) != known:
        kept.put(key, {}, compiled=made)


def _make(
    connection: "DuckDBPyConnection", warehouse: Path, root: Path, kept: Kept, task: _Task
) -> None:
    if task.trend_place:
        _make_trends(connection, warehouse, kept, task.trend_place)
        return
    models = [model for group in task.groups for model in group.models]
    wanted = ("rigs", "site", "workloads", *BY_MODEL, *BY_RUN)
    read = read_tables(connection, warehouse, wanted, models=models)
    for group, tables in _divided(read, task.groups):
        earlier = earlier_of(kept, group.models)
        made = group_pages.make(Press(tables.site), tables, earlier, divided=group.divided)
        part, run_files = part_of(connection, group.models, tables.run_files, root, earlier)
        kept.put(
            group.key,
            made.pages | run_files,
            said=made.said,
            catalogue=made.catalogue,
            part=part,
            made_of=earlier.made_of,
        )


def _divided(read: Tables, groups: Sequence[Group]) -> Iterator[tuple[Group, Tables]]:
    """Each group's own rows."""
    for group in groups:
        if len(groups) == 1:
            yield group, replace(read, around=group.around)
            continue
        models = set(group.models)
        own: dict[str, list[Row]] = {
            table: [row for row in getattr(read, table) if row["model"] in models]
            for table in BY_MODEL
        }
        runs = {run["run_id"] for run in own["runs"]}
        own |= {
            table: [row for row in getattr(read, table) if row["run_id"] in runs]
            for table in BY_RUN
        }
        yield group, replace(read, **own, around=group.around)


def _make_trends(
    connection: "DuckDBPyConnection",
    warehouse: Path,
    kept: Kept,
    trend_place: TrendPlace,
) -> None:
    wanted = ("rigs", "site", "workloads", "build_trends", "comparisons")
    tables = read_tables(
        connection, warehouse, wanted, place=trend_place.place, around=trend_place.around
    )
    (trend,) = trends_of(tables)
    kept.put(
        trend_place.key, trends.pages(Press(tables.site), trend), trend=replace(trend, models=())
    )
