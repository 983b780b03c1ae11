"""Where a wrong number could slip through, and who is told.

Blocking where publishing would mislead: what depends on the asset is then not made, and the
run ends as failed. A rejected run file misleads nobody (it is left out, and said to be), so
its check holds nothing back until the site is built; then the run ends as failed, so that no
exit code says all is well.

What is checked here is the tables against each other and against the files, by queries of
their own: never by the code that made them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from bench_pipeline.defs.assets.cards import markdown_table
from bench_pipeline.defs.assets.runs import run_files
from bench_pipeline.defs.assets.site import site_pages
from bench_pipeline.defs.assets.warehouse import measurements, speed_ranges, workload_speeds
from bench_pipeline.paths import Project
from bench_pipeline.warehouse.files import run_hashes
from bench_pipeline.warehouse.seal import broken_tables
from bench_pipeline.warehouse.store import Warehouse

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ProjectHere = dg.ResourceParam[Project]

SHOWN = 50
"""Offending rows that a check lists; the count is of all."""

FIGURES = ("decode_tok_s", "prefill_tok_s", "aggregate_tok_s", "ttft_ms", "throughput_tok_s")
CURVE_FIGURES = ("prefill_tok_s", "decode_tok_s", "ttft_ms", "cached_ttft_ms")


def query(project: Project, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    with Warehouse(project.warehouse).read() as connection:
        return connection.execute(sql, list(parameters)).fetchall()


def none_of(
    offending: Sequence[tuple[Any, ...]],
    headings: Sequence[str],
    saying: str,
    told: Sequence[str] = (),
) -> dg.AssetCheckResult:
    """Passed if nothing offends; else `saying` how many, the lines `told`, and the rows."""
    if not offending:
        return dg.AssetCheckResult(passed=True)
    description = "\n".join([f"{saying}: {len(offending)}", *told[:SHOWN]])
    # Dagster's command line prints the log, not what a check says of itself.
    dg.get_dagster_logger().error(description)
    return dg.AssetCheckResult(
        passed=False,
        description=description,
        metadata={"rows": dg.MetadataValue.md(markdown_table(headings, offending[:SHOWN]))},
    )


def rejected(project: Project, *, runs: bool) -> list[tuple[str, str, str]]:
    """Place, problem and mend of the files of `content/` that could not be read."""
    rows = query(
        project,
        "select place, problem, mend from rejected_files where (kind = 'run') = ? order by path",
        [runs],
    )
    return [(place, problem, mend) for place, problem, mend in rows]


def _named(rows: list[tuple[str, str, str]], saying: str) -> dg.AssetCheckResult:
    told = [f"{place}: {problem}\n  mend: {mend}" for place, problem, mend in rows]
    return none_of(rows, ("file", "problem", "mend"), saying, told)


@dg.asset_check(asset=run_files, description="Every run file is valid, unique and in its place.")
def run_files_valid(project: ProjectHere) -> dg.AssetCheckResult:
    return _named(rejected(project, runs=True), "run files left out")


@dg.asset_check(
    asset=run_files,
    description="Every rig, model, workload and campaign file and engines.yaml can be read.",
)
def declarations_valid(project: ProjectHere) -> dg.AssetCheckResult:
    return _named(rejected(project, runs=False), "declarations left out")


@dg.asset_check(
    asset=measurements,
    blocking=True,
    description="No two rows for the same run, workload and concurrency.",
)
def measurements_key_unique(project: ProjectHere) -> dg.AssetCheckResult:
    twice = query(
        project,
        "select run_id, workload, concurrency, count(*) from measurements"
        " group by all having count(*) > 1 order by all",
    )
    return none_of(twice, ("run", "workload", "concurrency", "rows"), "keys that stand twice")


@dg.asset_check(
    asset=measurements,
    blocking=True,
    description="Every figure of a cell, a curve or the bare engine is finite and above 0, within"
    " its interval, and there where it was measured; what failed has none.",
)
def figures_finite_and_positive(project: ProjectHere) -> dg.AssetCheckResult:
    cell, point = "workload || ' x ' || concurrency", "'prompt of ' || depth_tokens"
    # a cell of one token an answer has no decode rate, few streams no common time, an engine
    # that reuses nothing no cached prompt, one without a clock of its own no prefill, and a point
    # whose two clocks disagree none of them
    wrong = [
        *(_wrong("measurements", name, cell) for name in FIGURES),
        *(_wrong("curve_points", name, point) for name in CURVE_FIGURES),
        _wrong("(select *, 'ok' as status from bare_tests)", "tok_s", "kind"),
    ]
    offending = query(project, " union all ".join(wrong) + " order by all")
    headings = ("run", "of", "figure", "is", "low", "high")
    return none_of(offending, headings, "figures that can't be right")


_ALWAYS = {
    "ttft_ms": "true",
    "prefill_tok_s": "run_id not in (select run_id from runs where 'own_clock' in untold)",
}
"""SQL for what has a figure whenever it was measured and is believed (it has an `n`)."""


def _wrong(table: str, name: str, place: str) -> str:
    """A query for the rows of `table` whose figure `name` can't be right; `place` is SQL for what
    it is of."""
    always = _ALWAYS.get(name, "false")
    return (
        f"(select run_id, {place} as of_, '{name}' as figure, {name} as is_,"
        f" {name}_lo as lo, {name}_hi as hi from {table} where not coalesce("
        f"isfinite({name}) and {name} > 0"
        f" and ({name}_lo is null or (isfinite({name}_lo) and {name}_lo <= {name}))"
        f" and ({name}_hi is null or (isfinite({name}_hi) and {name}_hi >= {name})), true)"
        f" or (status = 'failed' and {name} is not null)"
        f" or ({always} and status = 'ok' and provenance = 'measured' and n is not null"
        f" and {name} is null))"
    )


@dg.asset_check(
    asset=measurements,
    blocking=True,
    description="Every run file is either ingested, with the content it has now, or named as"
    " rejected; and nothing else is in the warehouse.",
)
def every_run_file_ingested(project: ProjectHere) -> dg.AssetCheckResult:
    on_disk = {(path, sha256) for path, (_, sha256) in run_hashes(project).items()}
    known = set(
        query(
            project,
            "select path, sha256 from run_files"
            " union all select path, sha256 from rejected_files where kind = 'run'",
        )
    )
    lacking = [(path, "not ingested as it is now") for path, _ in sorted(on_disk - known)]
    stale = [(path, "in the warehouse, not on disk") for path, _ in sorted(known - on_disk)]
    return none_of(lacking + stale, ("file", "problem"), "files that differ from the warehouse")


@dg.asset_check(
    asset=measurements,
    blocking=True,
    description="No table was changed since it was made of the run files.",
)
def tables_as_made(project: ProjectHere) -> dg.AssetCheckResult:
    with Warehouse(project.warehouse).read() as connection:
        changed = [(name,) for name in broken_tables(connection)]
    told = ["  mend: materialize `measurements` again: it rebuilds them from the run files"]
    return none_of(changed, ("table",), "tables that another hand has changed", told)


@dg.asset_check(
    asset=speed_ranges,
    blocking=True,
    description="Each range runs from low to high, and both ends are measured cells of its runs.",
)
def ranges_hold(project: ProjectHere) -> dg.AssetCheckResult:
    broken = query(
        project,
        """
        select model, rig, backend, build, mode, concurrency, decode_tok_s_min, decode_tok_s_max
        from speed_ranges s
        where not coalesce(decode_tok_s_min <= decode_tok_s_max and n_workloads >= 1, false)
            or (
                select count(distinct decode_tok_s) from measurements m
                where list_contains(s.run_ids, m.run_id) and m.concurrency = s.concurrency
                    and m.status = 'ok'
                    and m.decode_tok_s in (s.decode_tok_s_min, s.decode_tok_s_max)
            ) != case when decode_tok_s_min = decode_tok_s_max then 1 else 2 end
        order by all
        """,
    )
    headings = ("model", "rig", "backend", "build", "mode", "concurrency", "low", "high")
    return none_of(broken, headings, "ranges without the cells they claim")


@dg.asset_check(
    asset=workload_speeds,
    blocking=True,
    description="Each row repeats one measured cell exactly, and none of a cell that failed,"
    " spilled, or whose clocks or arrival times can't be trusted.",
)
def workload_speeds_are_measured(project: ProjectHere) -> dg.AssetCheckResult:
    invented = query(
        project,
        """
        select run_id, workload, concurrency, w.decode_tok_s from workload_speeds w
        anti join measurements m
            on m.run_id = w.run_id and m.workload = w.workload
            and m.concurrency = w.concurrency and m.decode_tok_s = w.decode_tok_s
            and m.status = 'ok' and m.memory_verdict is distinct from 'spilled'
            and m.clocks_agree is distinct from false
            and m.delivered_on_time is distinct from false
        order by all
        """,
    )
    headings = ("run", "workload", "concurrency", "decode tok/s")
    return none_of(invented, headings, "rows that no run holds")


KEYS_OF_PUBLISHED = {
    "measurements.csv.gz": (
        "measurements",
        ("run_id", "rig", "backend", "build", "workload", "status", "provenance"),
        ("concurrency", "n", *FIGURES, "decode_tok_s_lo", "decode_tok_s_hi"),
    ),
    "ranges.csv.gz": (
        "speed_ranges",
        ("family", "variant", "quant", "rig", "backend", "build", "mode", "provenance"),
        ("concurrency", "n_workloads", "decode_tok_s_min", "decode_tok_s_max"),
    ),
    "curves.csv.gz": (
        "curve_points",
        ("run_id", "rig", "backend", "build", "status", "provenance"),
        ("depth_tokens", "n", *CURVE_FIGURES, "cached_share", "server_decode_share"),
    ),
    "conversations.csv.gz": (
        "conversations",
        ("run_id", "rig", "backend", "build", "conversation", "status", "provenance"),
        ("n", "turns", "trace_ms", "trace_ms_lo", "trace_ms_hi", "waiting_ms", "reused_share"),
    ),
    "conversation_turns.csv.gz": (
        "conversation_turns",
        ("run_id", "rig", "backend", "build", "conversation", "came", "verdict"),
        ("turn", "n", "ttft_ms", "cold_tokens", "cached_tokens", "prompt_tokens", "decode_tok_s"),
    ),
    "bare_engine.csv.gz": (
        "bare_tests",
        ("run_id", "rig", "backend", "build", "kind", "provenance"),
        ("prompt_tokens", "output_tokens", "depth_tokens", "n", "tok_s", "tok_s_lo", "tok_s_hi"),
    ),
}
"""Published file: its table, and the columns of text and of numbers that must be equal."""


@dg.asset_check(
    asset=site_pages,
    blocking=True,
    description="The published data files hold exactly the rows and numbers of the warehouse.",
)
def site_equals_warehouse(project: ProjectHere) -> dg.AssetCheckResult:
    differing: list[tuple[Any, ...]] = []
    with Warehouse(project.warehouse).read() as connection:
        for name, (table, texts, numbers) in KEYS_OF_PUBLISHED.items():
            path = str(project.site / "data" / name)
            published = ", ".join([*texts, *(f"{number}::double" for number in numbers)])
            connection.execute(
                f"create or replace temp table as_published as select {published}"
                " from read_csv(?, all_varchar = true, header = true)",
                [path],
            )
            own = f"select {published} from {table}"
            if _sums(connection, "as_published") == _sums(connection, f"({own})"):
                continue
            found = connection.execute(f"from as_published except all ({own})").fetchall()
            missing = connection.execute(f"({own}) except all from as_published").fetchall()
            differing += [(name, "only published", *row[: len(texts)]) for row in found]
            differing += [(name, "not published", *row[: len(texts)]) for row in missing]
    width = max((len(row) for row in differing), default=0)
    return none_of(
        [row + ("",) * (width - len(row)) for row in differing],
        ["file", "where", *[""] * (width - 2)],
        "rows that differ between site and warehouse",
    )


def _sums(connection: "DuckDBPyConnection", rows: str) -> tuple[Any, ...] | None:
    """The same for the same rows in whatever order: quicker than to look for each in the other."""
    return connection.execute(
        f"select count(*), sum(hash(r)), bit_xor(hash(r, 1)) from {rows} r"
    ).fetchone()


@dg.asset_check(
    asset=site_pages,
    blocking=True,
    description="No file of content/ was left out of what is published: the site is built"
    " without a rejected one, and this check fails to say so.",
)
def nothing_left_out(project: ProjectHere) -> dg.AssetCheckResult:
    rows = rejected(project, runs=True) + rejected(project, runs=False)
    return _named(rows, "files left out of the site that was just built")


ALL_CHECKS = (
    run_files_valid,
    declarations_valid,
    measurements_key_unique,
    figures_finite_and_positive,
    every_run_file_ingested,
    tables_as_made,
    ranges_hold,
    workload_speeds_are_measured,
    site_equals_warehouse,
    nothing_left_out,
)
