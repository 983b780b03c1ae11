"""From a plan item to a run file: lock the rig, measure, write."""

from pathlib import Path

from bench_pipeline.engines.catalogue import choose
from bench_pipeline.engines.host import this_host
from bench_pipeline.engines.install import InstalledEngine, install
from bench_pipeline.harness import modes
from bench_pipeline.harness.measurement import Measurement
from bench_pipeline.harness.plan import PlanItem
from bench_pipeline.harness.rig_lock import rig_lock
from bench_pipeline.models.catalogue import known_model
from bench_pipeline.models.fetch import fetch_model
from bench_pipeline.paths import Project
from bench_pipeline.progress import Reporter, Silent
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml_files import read_engines, read_workloads, write_run


def make_run(
    item: PlanItem, *, project: Project, rig: Rig, cache: Path, reporter: Reporter | None = None
) -> tuple[Run, Path]:
    """`measure_run` with the item's engine and models, brought into `cache` where they lack.

    Raises also EngineError or ModelError if one cannot be had: then there is nothing to run.
    """
    catalogue, model = read_engines(project.engines), known_model(project, item.model)
    draft = modes.draft_model(item.mode, project)
    modes.check_wanted(item.mode, model, draft)
    choice = choose(catalogue, rig, item.backend, item.build, this_host())
    engine = install(choice, cache, reporter, env=rig.backends[item.backend].env)
    return measure_run(
        item,
        project=project,
        rig=rig,
        engine=engine,
        model=model,
        model_path=fetch_model(model, cache, reporter),
        draft=(draft, fetch_model(draft, cache, reporter)) if draft else None,
        reporter=reporter,
    )


def measure_run(
    item: PlanItem,
    *,
    project: Project,
    rig: Rig,
    engine: InstalledEngine,
    model: ModelFile,
    model_path: Path,
    draft: tuple[ModelFile, Path] | None = None,
    reporter: Reporter | None = None,
) -> tuple[Run, Path]:
    """Makes the run that `item` asks for and writes its file; returns both.

    A run that fails is a result: it is written and returned with status `failed`. Raises
    RigError if the rig stays busy, RecordError if the file cannot be written. Interrupted
    (Ctrl-C), it stops the server, writes nothing and passes the interrupt on.
    """
    reporter = reporter or Silent()
    workloads = list(read_workloads(project.workloads).values())
    with rig_lock(reporter):
        measurement = Measurement(
            item,
            runs_folder=project.runs,
            rig=rig,
            engine=engine,
            model=model,
            model_path=model_path,
            draft=draft,
            workloads=workloads,
        )
        run = measurement.make(reporter)
    return run, write_run(run, project.runs)
