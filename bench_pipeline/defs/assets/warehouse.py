"""The tables. One transaction of `warehouse.refresh` makes them all, so each asset asks for
it (a moment's work when nothing is new) and is right on its own, on a fresh clone too."""

import dagster as dg

from bench_pipeline.defs.assets.cards import file_uri, markdown_table
from bench_pipeline.defs.assets.columns import column_lineage, table_schema
from bench_pipeline.defs.assets.runs import run_files
from bench_pipeline.defs.automation import AFTER_ITS_SOURCES
from bench_pipeline.paths import Project
from bench_pipeline.progress import Reporter
from bench_pipeline.warehouse.store import Warehouse


@dg.asset(
    group_name="warehouse",
    kinds={"duckdb"},
    deps=[run_files],
    automation_condition=AFTER_ITS_SOURCES,
)
def measurements(
    project: dg.ResourceParam[Project], reporter: dg.ResourceParam[Reporter]
) -> dg.MaterializeResult:
    """One row per run, workload and concurrency, its figures derived from the run file's raw
    requests: medians with their 95 % intervals. Beside it, curves over the prompt's length, tests
    of the bare engine, and what the run files say of servers, requests, waves, telemetry, rigs
    and what campaigns still want."""
    from bench_pipeline.warehouse.refresh import refresh

    report = refresh(project, reporter)
    counts = markdown_table(("table", "rows"), report.row_counts.items())
    with Warehouse(project.warehouse).read() as connection:
        schema = table_schema(connection, "measurements")
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": report.row_counts["measurements"],
            "dagster/column_schema": schema,
            "dagster/uri": file_uri(project.warehouse),
            "tables": dg.MetadataValue.md(counts),
            "new or edited run files": report.ingested,
            "removed run files": report.removed,
            "warehouse": dg.MetadataValue.path(project.warehouse),
        }
    )


@dg.asset(
    group_name="warehouse",
    kinds={"duckdb", "sql"},
    deps=[measurements],
    automation_condition=AFTER_ITS_SOURCES,
)
def speed_ranges(
    project: dg.ResourceParam[Project], reporter: dg.ResourceParam[Reporter]
) -> dg.MaterializeResult:
    """One row per listed row of the page: the range of the decode rate over the workloads."""
    return _derived(
        project,
        reporter,
        "speed_ranges",
        "select family, variant, quant, rig, backend, build, mode, concurrency,"
        " round(decode_tok_s_min, 1) as lowest, round(decode_tok_s_max, 1) as highest,"
        " n_workloads, provenance from speed_ranges"
        " order by released desc, family, variant, rig, backend, build, concurrency",
    )


@dg.asset(
    group_name="warehouse",
    kinds={"duckdb", "sql"},
    deps=[measurements],
    automation_condition=AFTER_ITS_SOURCES,
)
def workload_speeds(
    project: dg.ResourceParam[Project], reporter: dg.ResourceParam[Reporter]
) -> dg.MaterializeResult:
    """One row per listed row and workload: the decode rate with its interval and its run."""
    return _derived(
        project,
        reporter,
        "workload_speeds",
        "select family, variant, quant, rig, backend, build, mode, concurrency, workload,"
        " round(decode_tok_s, 1) as decode_tok_s, n, run_id from workload_speeds"
        " order by released desc, family, variant, rig, backend, build, concurrency, workload",
    )


@dg.asset(
    group_name="warehouse",
    kinds={"duckdb"},
    deps=[measurements],
    automation_condition=AFTER_ITS_SOURCES,
)
def comparisons(
    project: dg.ResourceParam[Project], reporter: dg.ResourceParam[Reporter]
) -> dg.MaterializeResult:
    """Two builds side by side, figure by figure: judged by the ratio of their turns where one
    session measured both, unjudged where they met on different days."""
    return _derived(
        project,
        reporter,
        "comparisons",
        "select rig, backend, model, workload, concurrency, metric, build_before, build_after,"
        " round(ratio, 4) as ratio, round(ratio_lo, 4) as low, round(ratio_hi, 4) as high, verdict,"
        " compile_difference from comparisons order by all",
    )


@dg.asset(
    group_name="warehouse",
    kinds={"duckdb"},
    deps=[comparisons],
    automation_condition=AFTER_ITS_SOURCES,
)
def build_trends(
    project: dg.ResourceParam[Project], reporter: dg.ResourceParam[Reporter]
) -> dg.MaterializeResult:
    """Each figure over the builds of the engine, with the verdict on each step and a flag where
    it stands out of the series' own past."""
    return _derived(
        project,
        reporter,
        "build_trends",
        "select rig, backend, model, workload, concurrency, metric, build,"
        " round(value, 1) as value, n, verdict, flagged from build_trends"
        " order by rig, backend, model, workload, concurrency, metric, build_number",
    )


PREVIEW_ROWS = 20


def _derived(
    project: Project, reporter: Reporter, table: str, preview: str
) -> dg.MaterializeResult:
    """Brings the warehouse up to date and shows the first rows of one derived table."""
    from bench_pipeline.warehouse.refresh import refresh

    report = refresh(project, reporter)
    with Warehouse(project.warehouse).read() as connection:
        found = connection.execute(f"{preview} limit {PREVIEW_ROWS}")
        headings = [column[0] for column in found.description or []]
        rows = found.fetchall()
        schema, lineage = table_schema(connection, table), column_lineage(connection, table)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": report.row_counts[table],
            "dagster/column_schema": schema,
            **({"dagster/column_lineage": lineage} if lineage else {}),
            "dagster/uri": file_uri(project.warehouse),
            f"first {PREVIEW_ROWS} rows": dg.MetadataValue.md(markdown_table(headings, rows)),
            "warehouse": dg.MetadataValue.path(project.warehouse),
        }
    )
