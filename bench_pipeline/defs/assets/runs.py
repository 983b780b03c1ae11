"""Making runs, and the files they leave.

`benchmark_runs` is a graph, so that the UI shows a step per model and mode: one that fails
does not take the others with it, and what was measured is on disk before the next begins.
Nothing is retried: a benchmark that failed is a result, and is written as one.
"""

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from bench_pipeline.defs.assets.cards import (
    file_uri,
    markdown_table,
    speed_floats,
    speeds_table,
)
from bench_pipeline.defs.assets.planning import wanted_runs
from bench_pipeline.defs.assets.rigs import rig_unless_another
from bench_pipeline.defs.assets.wanted import RunsWanted, items_wanted
from bench_pipeline.defs.automation import AFTER_ITS_SOURCES
from bench_pipeline.defs.partitions import rig_backend_partitions, rig_to_its_backends
from bench_pipeline.defs.remote.measuring import measured_over_ssh, reached_by_ssh
from bench_pipeline.engines.builds.catalogue import choose
from bench_pipeline.engines.builds.host import this_host
from bench_pipeline.errors import EngineError
from bench_pipeline.farm.post import is_control_plane, receive, said, send
from bench_pipeline.harness.planning.missing import made_runs, missing_runs
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.inventory.identity import rig_here
from bench_pipeline.paths import Project, artefact_cache
from bench_pipeline.progress import Reporter
from bench_pipeline.records.rig import RigBackend
from bench_pipeline.records.yaml.files import read_engines, read_run

RUN_FILES = "run files"
"""Metadata of `benchmark_runs`: the files just written, relative to the folder of runs."""
KEPT_FILES = "run files that were there"
"""Metadata of `benchmark_runs`: those that satisfied what was wanted, so that it was not made."""
RETRY_TAG = "dagster/retry_number"
"""On what Dagster itself asks for again."""


@dg.op(
    ins={"engine_builds": dg.In(dg.Nothing), "model_files": dg.In(dg.Nothing)},
    out={
        "missing": dg.DynamicOut(PlanItem),
        "there": dg.Out(list[str], is_required=False),
    },
)
def plan_runs(
    context: dg.OpExecutionContext,
    config: RunsWanted,
    project: dg.ResourceParam[Project],
) -> Iterator[dg.DynamicOutput[PlanItem] | dg.Output[list[str]]]:
    """The runs that are wanted and not there yet, in the order in which to make them; and the files
    of those that are there. Of a rig that is another machine and not reached by ssh, neither."""
    place = RigBackend.parse(context.partition_key)
    remote = reached_by_ssh(project, place.rig)
    rig = remote or rig_unless_another(project, place.rig, context.log)
    if rig is None:
        return
    wanted, by_whom = items_wanted(config, project, rig, place, is_here=remote is None)
    there = made_runs(project, wanted)
    again = bool(config.models) and config.remeasure
    missing = [
        item
        for item, path in there.items()
        if path is None or (again and not made_before_lost(context.instance, context.run, path))
    ]
    context.log.info(f"{len(wanted)} runs, {by_whom}; {len(missing)} of them to be made")
    engines, host = read_engines(project.engines), this_host()
    for number, item in enumerate(missing):
        try:
            for build in (item.build, *item.beside) if remote is None else ():
                choose(engines, rig, place.backend, build, host)
        except EngineError as error:
            # a campaign spans rigs: that one of its builds can't run here is no failure
            context.log.warning(f"{item.model} on {item.build} is left out: {error}")
            continue
        name = re.sub(r"\W+", "_", f"{item.model}_{item.mode}_{item.build}_{number}")
        yield dg.DynamicOutput(item, mapping_key=name, output_name="missing")
    kept = [path for item, path in there.items() if path is not None and item not in missing]
    files = [path.relative_to(project.runs).as_posix() for path in kept]
    send(context.instance, project, files)
    yield dg.Output(files, "there")


def made_before_lost(instance: dg.DagsterInstance, run: dg.DagsterRun, path: Path) -> bool:
    """Whether `run` repeats one that was lost, and that one had made the file by then. Both times
    are the rig's."""
    if RETRY_TAG not in run.tags or run.root_run_id is None:
        return False
    begun = instance.get_run_stats(run.root_run_id).start_time
    made = read_run(path).started_at
    return begun is not None and made is not None and made.timestamp() >= begun


@dg.op
def run_model(
    context: dg.OpExecutionContext,
    item: PlanItem,
    project: dg.ResourceParam[Project],
    reporter: dg.ResourceParam[Reporter],
) -> list[str]:
    """One run, or one of each build of a session. Returns their files, below the runs folder."""
    from bench_pipeline.harness.run import make_runs  # numpy and httpx: 0.2 s

    with interrupts_as_usual():
        if remote := reached_by_ssh(project, item.rig):
            made = measured_over_ssh(context, project, remote, item)
        else:
            rig, cache = rig_here(project, item.rig), artefact_cache()
            made = make_runs(item, project=project, rig=rig, cache=cache, reporter=reporter)
            if item.disk_policy == "drop-after":
                from bench_pipeline.harness.disk import after_making

                here = [wanted for wanted in wanted_runs(project) if wanted.rig == item.rig]
                after_making(item, missing_runs(project, here), project, cache, reporter)
    files = [path.relative_to(project.runs).as_posix() for _, path in made]
    send(context.instance, project, files)
    logs = [log for _, path in made for log in path.parent.glob(f"{path.stem}*.server.log")]
    context.add_output_metadata(
        {
            "speeds": dg.MetadataValue.md(speeds_table([run for run, _ in made])),
            "status": ", ".join(run.status for run, _ in made),
            "run files": dg.MetadataValue.json([str(path) for _, path in made]),
            **{f"engine's log {log.name}": dg.MetadataValue.path(log) for log in sorted(logs)},
        }
    )
    return files


@contextmanager
def interrupts_as_usual() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, as asyncio expects.

    While an op runs, Dagster's own handler raises its own exception, which asyncio would take
    for a task's failure instead of stopping the loop.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, signal.default_int_handler)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dg.op(
    out={
        "result": dg.Out(dg.Nothing, is_required=False),
        "runs_succeeded": dg.Out(dg.Nothing, is_required=False),
    }
)
def collect(
    context: dg.OpExecutionContext,
    made: list[list[str]],
    there: list[str],
    project: dg.ResourceParam[Project],
) -> Iterator[dg.Output[None] | dg.AssetCheckResult]:
    """What was measured, just now and before, for people; and whether all of it succeeded."""
    paths = [path for files in made for path in files]
    runs = {path: read_run(project.runs / path) for path in (*paths, *there)}
    failed = {path: why for path, run in runs.items() if (why := run.failures)}
    metadata: dict[str, Any] = {
        "speeds": dg.MetadataValue.md(speeds_table(runs.values()) if runs else "No run to show."),
        "made just now": len(paths),
        "dagster/row_count": len(runs),
        "dagster/uri": file_uri(project.runs / context.partition_key),
        RUN_FILES: dg.MetadataValue.json(paths),
        KEPT_FILES: dg.MetadataValue.json(there),
        "folder": dg.MetadataValue.path(project.runs / context.partition_key),
        **speed_floats(runs.values()),
    }
    yield dg.Output(None, "result", metadata=metadata)
    yield dg.AssetCheckResult(
        check_name="runs_succeeded",
        asset_key="benchmark_runs",
        passed=not failed,
        description="\n".join(
            f"{path}: {reason}" for path, reasons in failed.items() for reason in reasons
        )
        or f"{context.partition_key}: {len(runs)} runs, none of which failed",
        metadata={
            "partition": context.partition_key,
            "failed": dg.MetadataValue.json(failed),
        },
    )


@dg.config_mapping
def one_level_deep(config: RunsWanted) -> dict[str, Any]:
    """The launch's config is the asset's own; that steps make the runs is nobody's concern."""
    return {"plan_runs": {"config": config.model_dump()}}


@dg.graph_asset(
    group_name="runs",
    kinds={"llamacpp"},
    partitions_def=rig_backend_partitions,
    config=one_level_deep,
    ins={
        "engine_builds": dg.AssetIn(dagster_type=dg.Nothing),
        "model_files": dg.AssetIn(dagster_type=dg.Nothing, partition_mapping=rig_to_its_backends),
    },
    check_specs=[
        dg.AssetCheckSpec(
            "runs_succeeded",
            asset="benchmark_runs",
            description="No run or cell of what the last launch wanted failed, made just now or"
            " before. Failed ones are kept and published as failed, so this holds nothing back.",
        )
    ],
)
def benchmark_runs(engine_builds, model_files):  # type: ignore[no-untyped-def]
    """Runs of llama-server on this rig and backend: one immutable YAML file for each model and
    mode, with every request of every workload and concurrency. Makes what the campaigns (or
    the launch's config) want and no run file satisfies; stopped, it goes on where it was."""
    missing, there = plan_runs(engine_builds=engine_builds, model_files=model_files)
    result, succeeded = collect(missing.map(run_model).collect(), there)
    return {"result": result, "benchmark_runs_runs_succeeded": succeeded}


@dg.asset(
    group_name="runs",
    kinds={"yaml"},
    deps=[benchmark_runs],
    automation_condition=AFTER_ITS_SOURCES,
)
def run_files(
    context: dg.AssetExecutionContext,
    project: dg.ResourceParam[Project],
    reporter: dg.ResourceParam[Reporter],
) -> dg.MaterializeResult:
    """Every file of content/benchmarks/runs, read strictly: valid, its id used once, its path
    saying what its content says. What is not is left out, named by the checks, and mended by a
    person; what is stands in the warehouse from here on."""
    from bench_pipeline.warehouse.refresh import refresh

    if is_control_plane(context.instance):
        context.log.info(said(receive(context.instance, project)) or "nothing new came home")
    report = refresh(project, reporter)
    rejected = [(error.where, error.problem, error.mend) for error in report.rejected]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": report.row_counts["run_files"],
            "dagster/uri": file_uri(project.runs),
            "new or edited": report.ingested,
            "removed": report.removed,
            "rejected": len(rejected),
            "rejected files": dg.MetadataValue.md(
                markdown_table(("file", "problem", "mend"), rejected) if rejected else "None."
            ),
            "folder": dg.MetadataValue.path(project.runs),
        }
    )
