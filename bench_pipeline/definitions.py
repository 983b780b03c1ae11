"""Everything Dagster knows of: `defs`, the code location's one object."""

import gc
import sys

import dagster as dg

# What Dagster made so far stays. Python looks for garbage in it at every collection and once more
# at the end, a fifth of a command that finds nothing new. Not where DuckDB is there already: it
# would call what is left of it at the end a leak.
if "duckdb" not in sys.modules:
    gc.freeze()

from bench_pipeline.defs.assets import ALL_ASSETS
from bench_pipeline.defs.automation import publish_new_runs
from bench_pipeline.defs.checks import ALL_CHECKS
from bench_pipeline.defs.failures import tell_failures
from bench_pipeline.defs.jobs import ALL_JOBS
from bench_pipeline.defs.new_builds import new_llama_cpp_build, weekly_sentinel
from bench_pipeline.defs.resources import RunLog
from bench_pipeline.paths import Project, checkout
from bench_pipeline.progress import Reporter


def build_defs(
    *, project: Project | None = None, reporter: Reporter | None = None
) -> dg.Definitions:
    """The definitions, working on `project` (this checkout) and telling `reporter` (the run's
    log) how they get on. Partitions are always those of this checkout's rig files."""
    return dg.Definitions(
        assets=ALL_ASSETS,
        asset_checks=ALL_CHECKS,
        jobs=ALL_JOBS,
        sensors=[new_llama_cpp_build, publish_new_runs, tell_failures],
        schedules=[weekly_sentinel],
        # A process for each step would cost a second each, and a benchmark's steps come one
        # after the other anyway.
        executor=dg.in_process_executor,
        resources={"project": project or checkout(), "reporter": reporter or RunLog()},
    )


defs = build_defs()
