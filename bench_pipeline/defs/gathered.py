"""All that Dagster is told of, in one object."""

import dagster as dg

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
