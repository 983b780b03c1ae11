"""From a plan item to its run files: lock the rig, measure, write."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from bench_pipeline.engines.builds.catalogue import choose
from bench_pipeline.engines.builds.host import this_host
from bench_pipeline.engines.builds.install import InstalledEngine, install
from bench_pipeline.engines.dialects.families import FAMILIES
from bench_pipeline.errors import EngineError, RecordError
from bench_pipeline.harness.disk import before_fetching
from bench_pipeline.harness.measurement import Measurement
from bench_pipeline.harness.planning import modes
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.harness.power.capped import Cap, capped
from bench_pipeline.harness.rig_lock import rig_lock
from bench_pipeline.harness.session import SessionMeasurement
from bench_pipeline.models.catalogue import known_model
from bench_pipeline.models.fetch import fetch_model
from bench_pipeline.models.fetch import model_path as model_path_of
from bench_pipeline.models.room import in_use
from bench_pipeline.paths import Project
from bench_pipeline.progress import Reporter, Silent
from bench_pipeline.records.base import Record
from bench_pipeline.records.devices import Gpu
from bench_pipeline.records.engines import Sentinel
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import BackendSetup, Rig
from bench_pipeline.records.run import Run
from bench_pipeline.records.workload import Conversation, Workload
from bench_pipeline.records.yaml.files import read_engines, read_what_can_be, write_run

R = TypeVar("R", bound=Record)
Made = list[tuple[Run, Path]]
"""Runs with the files that hold them."""


def make_runs(
    item: PlanItem, *, project: Project, rig: Rig, cache: Path, reporter: Reporter | None = None
) -> Made:
    """What `item` asks for, with its engines and models, brought into `cache` where they lack:
    one run, or one of each build of a session.

    Raises also EngineError or ModelError if one cannot be had: then there is nothing to run.
    """
    model, draft = known_model(project, item.model), modes.draft_model(item.mode, project)
    with in_use([model, *([draft] if draft else [])], cache):
        return _make_runs(item, model, draft, project, rig, cache, reporter or Silent())


def _make_runs(
    item: PlanItem,
    model: ModelFile,
    draft: ModelFile | None,
    project: Project,
    rig: Rig,
    cache: Path,
    reporter: Reporter,
) -> Made:
    catalogue = read_engines(project.engines)
    modes.check_wanted(item.mode, model, draft)
    sentinel = catalogue.sentinel
    if item.beside and sentinel is None:
        raise EngineError(
            "no sentinel says which cells two builds are compared by",
            mend="declare `sentinel` with its models, workloads and concurrencies there",
            where=project.engines,
        )
    engines = [
        install(
            choose(catalogue, rig, item.backend, build, this_host()),
            cache,
            reporter,
            env=rig.backends[item.backend].env,
            backend=item.plain_backend,
        )
        for build in (item.build, *item.beside)
    ]
    for engine in engines:
        _check_can(engine, item, rig.backends[item.backend])
        _check_reads(engine, model)
    found = any(engine.started and engine.started.base_url for engine in engines)
    if not found:
        before_fetching(item, model, project, cache, reporter)
    model_path = model_path_of(model, cache) if found else fetch_model(model, cache, reporter)
    draft_file = (draft, fetch_model(draft, cache, reporter)) if draft else None
    if item.beside:
        assert sentinel is not None
        return measure_session(
            item,
            project=project,
            rig=rig,
            engines=engines,
            sentinel=sentinel,
            model=model,
            model_path=model_path,
            draft=draft_file,
            reporter=reporter,
        )
    made = measure_run(
        item,
        project=project,
        rig=rig,
        engine=engines[0],
        model=model,
        model_path=model_path,
        draft=draft_file,
        reporter=reporter,
    )
    return [made]


def _check_can(engine: InstalledEngine, item: PlanItem, setup: BackendSetup) -> None:
    """EngineError (`refused`) where another family is asked for what only llama-server proves."""
    asked = f"mode {item.mode}" if item.mode != "baseline" else ""
    asked = "builds in turns" if item.beside else asked
    asked = "words for how a model is laid out and computed" if setup.arrangement else asked
    asked = "a deep curve" if "deep" in item.parts else asked
    if engine.started and asked:
        raise EngineError(
            f"{asked}: only with builds of llama.cpp",
            mend="measure it by itself, in mode baseline, under a backend without such words",
            where=engine.build,
            kind="refused",
        )


def _check_reads(engine: InstalledEngine, model: ModelFile) -> None:
    """EngineError (`refused`) where the family cannot be given such a model."""
    formats = FAMILIES[engine.name].formats
    if model.format not in formats:
        raise EngineError(
            f"{model.slug} is {model.format}, {engine.name} reads {' or '.join(sorted(formats))}",
            mend="name another model, or another engine",
            where=engine.build,
            kind="refused",
        )
    started = engine.started
    if started and started.base_url and model.slug not in started.models:
        raise EngineError(
            f"the rig file does not say what it calls {model.slug}",
            mend=f"add it to its `models`, beside {', '.join(started.models)}",
            where=engine.build,
            kind="refused",
        )


def _declared(kind: type[R], folder: Path, what: str, reporter: Reporter) -> list[R]:
    """Those whose file cannot be read are said to be left out, and only where none can is it an
    error."""
    found, broken = read_what_can_be(kind, folder)
    for error in broken:
        if not found:
            raise error
        reporter.say(f"A {what} is left out. {error}")
    return list(found.values())


def _workloads(project: Project, reporter: Reporter) -> list[Workload]:
    """In the page's order."""
    found = _declared(Workload, project.workloads, "workload", reporter)
    return sorted(found, key=lambda workload: workload.order)


def _capped(
    item: PlanItem, rig: Rig, begin: Callable[[], Measurement], reporter: Reporter
) -> AbstractContextManager[Cap | None]:
    """The cap that `item` asks for, for the cards on which what `begin` makes would compute: asked
    for only with a cap, and thrown away, as it is of the machine as it was before."""

    def gpus() -> list[Gpu]:
        return begin().serving.gpus()

    return capped(item.power_cap_w, gpus, rig.power_cap_command, reporter)


def _scripts(project: Project, reporter: Reporter) -> list[Conversation]:
    """In order of their names."""
    found = _declared(Conversation, project.conversations, "conversation", reporter)
    if not found:
        raise RecordError(
            "there is no conversation to play",
            mend="write one: docs/conversations.md says how",
            where=project.conversations,
        )
    return found


def measure_session(
    item: PlanItem,
    *,
    project: Project,
    rig: Rig,
    engines: Sequence[InstalledEngine],
    sentinel: Sentinel,
    model: ModelFile,
    model_path: Path,
    draft: tuple[ModelFile, Path] | None = None,
    reporter: Reporter | None = None,
) -> Made:
    """Measures `engines`, each another build, in turns and writes a run file for each.

    Fails and is interrupted as `measure_run`. EngineError where two are of the same name or the
    sentinel names a workload that is not there.
    """
    reporter = reporter or Silent()
    builds = [engine.build for engine in engines]
    if len(set(builds)) < len(builds):
        raise EngineError(
            f"a build cannot be measured beside itself: {', '.join(builds)}",
            mend="name two different builds",
            where=f"{rig.slug}/{item.backend}",
        )
    workloads = _workloads(project, reporter)

    def begin() -> list[Measurement]:
        return [
            Measurement(
                replace(
                    item,
                    build=engine.build,
                    beside=tuple(build for build in builds if build != engine.build),
                ),
                runs_folder=project.runs,
                rig=rig,
                engine=engine,
                model=model,
                model_path=model_path,
                draft=draft,
                workloads=workloads,
            )
            for engine in engines
        ]

    with rig_lock(reporter), _capped(item, rig, lambda: begin()[0], reporter) as cap:
        measurements = begin()
        for measurement in measurements:
            measurement.record.cap = cap
        runs = SessionMeasurement(measurements, sentinel).make(reporter)
    return [(run, write_run(run, project.runs)) for run in runs]


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
    RigError if the rig stays busy or its power cap cannot be set and held, RecordError if the file
    cannot be written. Interrupted (Ctrl-C), it stops the server, writes nothing and passes the
    interrupt on.
    """
    reporter = reporter or Silent()
    workloads = _workloads(project, reporter)

    def begin() -> Measurement:
        return Measurement(
            item,
            runs_folder=project.runs,
            rig=rig,
            engine=engine,
            model=model,
            model_path=model_path,
            draft=draft,
            workloads=workloads,
            scripts=_scripts(project, reporter) if "conversations" in item.parts else None,
        )

    with rig_lock(reporter), _capped(item, rig, begin, reporter) as cap:
        measurement = begin()
        measurement.record.cap = cap
        run = measurement.make(reporter)
    return run, write_run(run, project.runs)
