"""The warehouse's tables, read once and in a stable order: all that the site knows."""

from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from bench_pipeline.errors import SiteError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Row = dict[str, Any]
"""One row of a table by column name."""


@dataclass(frozen=True)
class Tables:
    """Each field is the warehouse's table of that name, ordered by all its columns.

    Workloads stand in the order in which a page shows them.
    """

    rigs: list[Row]
    rig_inventories: list[Row]
    workloads: list[Row]
    campaign_items: list[Row]
    run_files: list[Row]
    rejected_files: list[Row]
    runs: list[Row]
    servers: list[Row]
    telemetry: list[Row]
    wave_speeds: list[Row]
    measurements: list[Row]
    curve_points: list[Row]
    bare_tests: list[Row]
    speed_ranges: list[Row]
    workload_speeds: list[Row]
    comparisons: list[Row]
    build_trends: list[Row]


def read_tables(connection: "DuckDBPyConnection", warehouse: Path) -> Tables:
    """Every table of `Tables`; SiteError where the warehouse lacks one.

    The order of the query, not of the file, decides the order on the pages: two builds from
    the same rows are the same bytes.
    """
    import duckdb

    def read(table: str) -> list[Row]:
        try:
            cursor = connection.execute(f"SELECT * FROM {table} ORDER BY ALL")
        except duckdb.CatalogException:
            raise SiteError(
                f"has no table {table}",
                mend="refresh the warehouse: `dagster asset materialize --select measurements`",
                where=warehouse,
            ) from None
        columns = [column[0] for column in cursor.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]

    tables = Tables(**{field.name: read(field.name) for field in fields(Tables)})
    tables.workloads.sort(key=lambda work: work["ord"])
    return tables


def published_path(run_file: str) -> str:
    """Where the site keeps a run file, below `data/runs/`: `<rig>/<backend>/<file>`."""
    return "/".join(PurePosixPath(run_file).parts[-3:])
