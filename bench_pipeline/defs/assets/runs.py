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

import dagster as dg

from bench_pipeline.defs.assets.cards import markdown_table, speeds_table
from bench_pipeline.defs.assets.planning import wanted_runs
from bench_pipeline.defs.assets.rigs import rig_here
from bench_pipeline.defs.automation import AFTER_ITS_SOURCES
from bench_pipeline.defs.partitions import rig_backend_partitions, rig_to_its_backends
from bench_pipeline.engines.builds.catalogue import choose
from bench_pipeline.engines.builds.host import this_host
from bench_pipeline.errors import EngineError
from bench_pipeline.harness.planning.missing import missing_runs
from bench_pipeline.harness.planning.modes import check_wanted, draft_model, known_mode
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.harness.planning.profiles import PROFILES
from bench_pipeline.models.catalogue import known_model
from bench_pipeline.paths import Project, artefact_cache
from bench_pipeline.progress import Reporter
from bench_pipeline.records.campaign import Profile
from bench_pipeline.records.rig import Rig, RigBackend
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import read_engines, read_run

RUN_FILES = "run files"
"""Metadata of `benchmark_runs`: the files just written, relative to the folder of runs."""


class RunsWanted(dg.Config):
    """Which runs to make. With no models named: what the campaigns want here."""

    models: list[str] = []
    """Slugs of content/models. Of runs named here or by campaigns, only those are made that
    no run file satisfies."""
    build: str | None = None
    """None: the rig file's, else the newest that this rig's CPU can run."""
    beside: list[str] = []
    """Builds to measure it in turns with, by the sentinel's cells: they are judged against it."""
    remeasure: bool = False
    """Make the runs named here also where a run file satisfies them already."""
    mode: str = "baseline"
    """`baseline`, `reasoning-off` or `draft-<slug>`."""
    profile: Profile = "quick"
    concurrencies: list[int] | None = None
    """None: 1 and 4 in profile `quick`; in `full` as many as it takes to the knee."""


def items_named(
    config: RunsWanted, project: Project, rig: Rig, place: RigBackend
) -> list[PlanItem]:
    """The items that `config` names, on a build that this machine can run. BenchError if one of
    its choices is not there or cannot have an effect."""
    engines = read_engines(project.engines)
    build = choose(engines, rig, place.backend, config.build, this_host()).build
    mode = known_mode(config.mode)
    draft = draft_model(mode, project)
    models = [known_model(project, slug) for slug in config.models]
    for model in models:
        check_wanted(mode, model, draft)
    return [
        PlanItem(
            rig=place.rig,
            backend=place.backend,
            build=build,
            model=model.slug,
            model_sha256=model.sha256,
            mode=mode,
            profile=config.profile,
            concurrencies=tuple(config.concurrencies or ())
            or PROFILES[config.profile].concurrencies,
            beside=tuple(config.beside),
        )
        for model in models
    ]


@dg.op(
    ins={"engine_builds": dg.In(dg.Nothing), "model_files": dg.In(dg.Nothing)},
    out=dg.DynamicOut(PlanItem),
)
def plan_runs(
    context: dg.OpExecutionContext,
    config: RunsWanted,
    project: dg.ResourceParam[Project],
) -> Iterator[dg.DynamicOutput[PlanItem]]:
    """The runs that are wanted and not there yet, in the order in which to make them."""
    place = RigBackend.parse(context.partition_key)
    rig = rig_here(project, place.rig)
    if config.models:
        wanted = items_named(config, project, rig, place)
    else:
        wanted = [item for item in wanted_runs(project) if item.partition == place]
    again = bool(config.models) and config.remeasure
    missing = wanted if again else missing_runs(project, wanted)
    context.log.info(f"{len(wanted)} runs wanted, {len(missing)} of them to be made")
    for number, item in enumerate(missing):
        try:
            for build in (item.build, *item.beside):
                choose(read_engines(project.engines), rig, place.backend, build, this_host())
        except EngineError as error:
            # a campaign spans rigs: that one of its builds can't run here is no failure
            context.log.warning(f"{item.model} on {item.build} is left out: {error}")
            continue
        name = re.sub(r"\W+", "_", f"{item.model}_{item.mode}_{item.build}_{number}")
        yield dg.DynamicOutput(item, mapping_key=name)


@dg.op
def run_model(
    context: dg.OpExecutionContext,
    item: PlanItem,
    project: dg.ResourceParam[Project],
    reporter: dg.ResourceParam[Reporter],
) -> list[str]:
    """One run, or one of each build of a session. Returns their files, below the runs folder."""
    from bench_pipeline.harness.run import make_runs  # numpy and httpx: 0.2 s

    rig = rig_here(project, item.rig)
    with interrupts_as_usual():
        made = make_runs(item, project=project, rig=rig, cache=artefact_cache(), reporter=reporter)
    context.add_output_metadata(
        {
            "speeds": dg.MetadataValue.md(speeds_table([run for run, _ in made])),
            "status": ", ".join(run.status for run, _ in made),
            "run files": dg.MetadataValue.json([str(path) for _, path in made]),
        }
    )
    return [path.relative_to(project.runs).as_posix() for _, path in made]


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


def failures(run: Run) -> list[str]:
    """Why the run failed, or which of its cells did."""
    if run.failure is not None:
        return [f"{run.failure.kind}: {run.failure.message}"]
    return [
        f"{cell.workload} at {cell.concurrency}: {cell.failure.kind}: {cell.failure.message}"
        for cell in run.cells
        if cell.failure is not None
    ]


@dg.op(out={"result": dg.Out(dg.Nothing), "runs_succeeded": dg.Out(dg.Nothing)})
def collect(
    made: list[list[str]], project: dg.ResourceParam[Project]
) -> Iterator[dg.Output[None] | dg.AssetCheckResult]:
    """What was just measured, for people, and whether all of it succeeded."""
    paths = [path for files in made for path in files]
    runs = [read_run(project.runs / path) for path in paths]
    failed = {path: why for path, run in zip(paths, runs, strict=True) if (why := failures(run))}
    yield dg.Output(
        None,
        "result",
        metadata={
            "speeds": dg.MetadataValue.md(
                speeds_table(runs) if runs else "Already measured: nothing was to be done."
            ),
            "dagster/row_count": len(runs),
            RUN_FILES: dg.MetadataValue.json(paths),
            "folder": dg.MetadataValue.path(project.runs),
        },
    )
    yield dg.AssetCheckResult(
        check_name="runs_succeeded",
        asset_key="benchmark_runs",
        passed=not failed,
        description="\n".join(
            f"{path}: {reason}" for path, reasons in failed.items() for reason in reasons
        )
        or None,
        metadata={"failed": dg.MetadataValue.json(failed)},
    )


@dg.graph_asset(
    group_name="runs",
    kinds={"llamacpp"},
    partitions_def=rig_backend_partitions,
    ins={
        "engine_builds": dg.AssetIn(dagster_type=dg.Nothing),
        "model_files": dg.AssetIn(dagster_type=dg.Nothing, partition_mapping=rig_to_its_backends),
    },
    check_specs=[
        dg.AssetCheckSpec(
            "runs_succeeded",
            asset="benchmark_runs",
            description="No run or cell that was just made failed. Failed ones are kept and"
            " published as failed, so this holds nothing back.",
        )
    ],
)
def benchmark_runs(engine_builds, model_files):  # type: ignore[no-untyped-def]
    """Runs of llama-server on this rig and backend: one immutable YAML file for each model and
    mode, with every request of every workload and concurrency. Makes what the campaigns (or
    the launch's config) want and no run file satisfies; stopped, it goes on where it was."""
    result, succeeded = collect(
        plan_runs(engine_builds=engine_builds, model_files=model_files).map(run_model).collect()
    )
    return {"result": result, "benchmark_runs_runs_succeeded": succeeded}


@dg.asset(
    group_name="runs",
    kinds={"yaml"},
    deps=[benchmark_runs],
    automation_condition=AFTER_ITS_SOURCES,
)
def run_files(
    project: dg.ResourceParam[Project], reporter: dg.ResourceParam[Reporter]
) -> dg.MaterializeResult:
    """Every file of content/benchmarks/runs, read strictly: valid, its id used once, its path
    saying what its content says. What is not is left out, named by the checks, and mended by a
    person; what is stands in the warehouse from here on."""
    from bench_pipeline.warehouse.refresh import refresh

    report = refresh(project, reporter)
    rejected = [(error.where, error.problem, error.mend) for error in report.rejected]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": report.row_counts["run_files"],
            "new or edited": report.ingested,
            "removed": report.removed,
            "rejected": len(rejected),
            "rejected files": dg.MetadataValue.md(
                markdown_table(("file", "problem", "mend"), rejected) if rejected else "None."
            ),
            "folder": dg.MetadataValue.path(project.runs),
        }
    )
