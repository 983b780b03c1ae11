"""Whatever the schema lets through is published, marked or named, and stops nothing."""

from pathlib import Path

import pytest

from bench_pipeline.paths import Project
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import dump_record
from bench_pipeline.site.build import build_site
from bench_pipeline.warehouse.export import csv_lines, export_duckdb, export_parquet
from bench_pipeline.warehouse.refresh import refresh
from bench_pipeline.warehouse.schema import TABLES
from bench_pipeline.warehouse.store import Warehouse
from tests.extremes import extreme_runs

MANY, A_FEW = 500, 15


def put_as_it_is(project: Project, runs: list[Run]) -> None:
    """As a stranger would: the file alone."""
    for run in runs:
        file = project.runs / run.relative_path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dump_record(run), encoding="utf-8")


def test_each_of_hundreds_is_published_marked_or_named_and_every_export_holds_it(
    project: Project, rows, tmp_path: Path
):
    runs = list(extreme_runs(MANY))
    put_as_it_is(project, runs)
    report = refresh(project)
    assert not [error for error in report.rejected if "gap in our checks" in str(error)]
    named = {Path(path).stem[-12:] for (path,) in rows("select path from rejected_files")}
    taken = {run_id for (run_id,) in rows("select run_id from runs")}
    assert taken | named == {run.run_id for run in runs}
    assert len(taken) > MANY / 2 and len(named) > MANY / 50, "both happen"
    with Warehouse(project.warehouse).read() as connection:
        for table in TABLES:
            _, lines = csv_lines(connection, table)
            lines.decode()
            export_parquet(connection, table, tmp_path / f"{table}.parquet")
    files = {table: tmp_path / f"{table}.parquet" for table in TABLES}
    export_duckdb(files, {table: {} for table in TABLES}, tmp_path / "all.duckdb")


@pytest.mark.parametrize("seed", [2])
def test_a_site_is_built_of_them(project: Project, seed: int):
    put_as_it_is(project, list(extreme_runs(A_FEW, seed)))
    refresh(project)
    build_site(project.warehouse, project.site, project.root)
    assert (project.site / "index.html").is_file()
