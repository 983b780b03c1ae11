"""Bringing the warehouse up to date with `content/`: idempotent, incremental, all or nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from bench_pipeline.errors import RecordError
from bench_pipeline.paths import Project
from bench_pipeline.progress import Reporter, Silent
from bench_pipeline.warehouse import schema
from bench_pipeline.warehouse.content import (
    catalogue_of,
    content_files,
    content_hash,
    estimate_missing,
    mark_done,
    read_declared,
    write_declared,
)
from bench_pipeline.warehouse.disputes import mark_doubtful
from bench_pipeline.warehouse.files import Rejection
from bench_pipeline.warehouse.frames import insert_rows
from bench_pipeline.warehouse.ingest import ingest_runs
from bench_pipeline.warehouse.seal import as_remembered, broken_tables, remember, seal
from bench_pipeline.warehouse.store import Warehouse, WarehouseBroken

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class RefreshReport:
    """What a refresh found, in run files, and the rows that each table holds now."""

    ingested: int
    """New or edited."""
    removed: int
    """In the warehouse before, and no longer: deleted, broken by an edit, or now a duplicate."""
    unchanged: int
    rejected: list[RecordError]
    """Every file of `content/` that cannot be read, whether new or known from before."""
    row_counts: dict[str, int]


def refresh(project: Project, reporter: Reporter | None = None) -> RefreshReport:
    """Ingests what changed in `content/`, and makes anew what was derived from it.

    A file that cannot be read is rejected, listed in `rejected_files` and in the report, and
    stops nothing else. Safe to run from several processes at once, and to be killed. A missing
    or broken warehouse is rebuilt. WarehouseError if it is in use for too long or not writable.
    """
    reporter = reporter or Silent()
    warehouse = Warehouse(project.warehouse)
    try:
        with warehouse.write(reporter) as connection:
            report = _refresh(connection, project, reporter)
    except WarehouseBroken as broken:
        reporter.say(f"The warehouse was {broken.problem}; it is rebuilt from the run files.")
        with warehouse.write(reporter) as connection:
            report = _refresh(connection, project, reporter)
    remember(project.warehouse)
    return report


def _refresh(connection: DuckDBPyConnection, project: Project, reporter: Reporter) -> RefreshReport:
    if not schema.made_by_this_code(connection):
        schema.make_schema(connection)
    elif not as_remembered(project.warehouse) and (touched := broken_tables(connection)):
        reporter.say(
            f"Another hand has changed {', '.join(touched)} in the warehouse since it was made;"
            " it is rebuilt from the run files."
        )
        schema.make_schema(connection)
    schema.forget_touched(connection)
    rejected_before = _rejections(connection)
    files = content_files(project)
    declared_hash = content_hash(files)
    same_content = schema.state(connection, "content_hash") == declared_hash
    declared = None if same_content else read_declared(project, files)
    catalogue = catalogue_of(connection, declared)
    runs = ingest_runs(
        connection,
        project,
        {path: r for path, r in rejected_before.items() if r.kind == "run"},
        catalogue,
        reporter,
    )
    if declared:
        write_declared(connection, declared)
        schema.set_state(connection, "content_hash", declared_hash)
        rejected = declared.rejected + runs.rejected
    else:
        rejected = [r for r in rejected_before.values() if r.kind != "run"] + runs.rejected
    only_added = declared is None and runs.only_added
    changed = bool(declared or runs.ingested or runs.removed)
    if changed:
        # numpy, and all that judges: nothing for a refresh that finds nothing new
        from bench_pipeline.warehouse.builds.comparisons import touched_series, write_comparisons
        from bench_pipeline.warehouse.builds.trends import write_trends

        mark_doubtful(connection, only_added=only_added)
        schema.derive(connection)
        mark_done(connection, everything=declared is not None)
        estimate_missing(connection, catalogue.models)
        series = touched_series(connection)
        write_comparisons(connection, series)
        write_trends(connection, series)
    rejected.sort(key=lambda rejection: rejection.path)
    if rejected != list(rejected_before.values()):
        connection.execute("delete from rejected_files")
        insert_rows(connection, "rejected_files", [asdict(rejection) for rejection in rejected])
        changed = True
    if changed:
        seal(connection, runs.came if only_added else None)
    return RefreshReport(
        ingested=runs.ingested,
        removed=runs.removed,
        unchanged=runs.unchanged,
        rejected=[rejection.error(project) for rejection in rejected],
        row_counts=schema.row_counts(connection),
    )


def _rejections(connection: DuckDBPyConnection) -> dict[str, Rejection]:
    columns = ", ".join(f.name for f in fields(Rejection))
    rows = connection.execute(f"select {columns} from rejected_files order by path").fetchall()
    return {row[0]: Rejection(*row) for row in rows}
