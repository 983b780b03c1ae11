"""From a plan item to a run file: lock the rig, start the engine, measure every cell, write."""

import asyncio
import platform
import secrets
import subprocess
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from bench_pipeline import __version__
from bench_pipeline.engines.catalogue import choose
from bench_pipeline.engines.host import this_host
from bench_pipeline.engines.install import InstalledEngine, install
from bench_pipeline.engines.placement import Placement, judge_memory, read_placement
from bench_pipeline.engines.server import LlamaServer
from bench_pipeline.errors import EngineError
from bench_pipeline.harness.cell import CellMeasurement
from bench_pipeline.harness.plan import PlanItem
from bench_pipeline.harness.profiles import PROFILES, output_tokens
from bench_pipeline.harness.prompts import PromptFitter, nonces
from bench_pipeline.harness.rig_lock import rig_lock
from bench_pipeline.harness.telemetry import Watch, cpu_busy_fraction, foreign_gpu_processes
from bench_pipeline.inventory.capture import capture_inventory
from bench_pipeline.inventory.cpu import engine_threads
from bench_pipeline.models.catalogue import known_model
from bench_pipeline.models.fetch import fetch_model
from bench_pipeline.paths import Project, checkout
from bench_pipeline.progress import Reporter, Silent
from bench_pipeline.records.inventory import Inventory
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.run import (
    Cell,
    DeviceMemory,
    Engine,
    Failure,
    Harness,
    HostLoad,
    MemoryProof,
    Model,
    Run,
)
from bench_pipeline.records.workload import Workload
from bench_pipeline.records.yaml_files import read_engines, read_workloads, write_run

CONTEXT_MARGIN_TOKENS = 64
"""Room in each slot beyond the largest prompt and answer."""


def make_run(
    item: PlanItem, *, project: Project, rig: Rig, cache: Path, reporter: Reporter | None = None
) -> tuple[Run, Path]:
    """`measure_run` with the item's engine and model, brought into `cache` where they lack.

    Raises also EngineError or ModelError if one cannot be had: then there is nothing to run.
    """
    catalogue, model = read_engines(project.engines), known_model(project, item.model)
    choice = choose(catalogue, rig, item.backend, item.build, this_host())
    engine = install(choice, cache, reporter, env=rig.backends[item.backend].env)
    return measure_run(
        item,
        project=project,
        rig=rig,
        engine=engine,
        model=model,
        model_path=fetch_model(model, cache, reporter),
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
        run = _Measurement(item, project, rig, engine, model, model_path, workloads).make(reporter)
    return run, write_run(run, project.runs)


class _Measurement:
    """State of one run while it is made."""

    def __init__(
        self,
        item: PlanItem,
        project: Project,
        rig: Rig,
        engine: InstalledEngine,
        model: ModelFile,
        model_path: Path,
        workloads: list[Workload],
    ) -> None:
        self.item, self.rig, self.engine, self.model = item, rig, engine, model
        self.model_path, self.workloads = model_path, workloads
        self.rules = PROFILES[item.profile]
        self.run_id = secrets.token_hex(6)
        self.code_commit = code_commit()  # now: the checkout may change while this runs
        self.started_at = datetime.now(UTC).replace(microsecond=0)
        self.nonces = nonces(seed=int(self.run_id, 16))
        stem = f"{self.started_at:%Y%m%dT%H%M%SZ}-{self.run_id}"
        self.log_path = project.runs / rig.slug / item.backend / f"{stem}.server.log"

    def make(self, reporter: Reporter) -> Run:
        inventory = capture_inventory(self.engine.devices)
        host_load = HostLoad(
            cpu_busy_fraction=round(cpu_busy_fraction(), 3),
            foreign_gpu_processes=foreign_gpu_processes(),
        )
        setup = self.rig.backends[self.item.backend]
        slots = max(self.item.concurrencies)
        longest = max(w.prompt_tokens + output_tokens(w, self.item.profile) for w in self.workloads)
        context = -(-(longest + CONTEXT_MARGIN_TOKENS) // 256) * 256
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with Watch(gpus=self.item.backend != "cpu") as watch:
            server = LlamaServer(
                self.engine,
                model=self.model_path,
                backend=self.item.backend,
                setup=setup,
                threads=setup.threads or engine_threads(inventory.cpu),
                slots=slots,
                context_tokens_per_slot=context,
                log_path=self.log_path,
            )
            failure: Failure | None = None
            cells: list[Cell] = []
            loaded: list[DeviceMemory] = []
            peak: list[DeviceMemory] = []
            parameters: int | None = None
            reporter.say(f"Starting {self.engine.build} with {self.model.file_name}")
            try:
                with server:
                    watch.server_pid = server.pid
                    parameters = _parameters(server)
                    loaded = watch.memory()
                    cells, failure = self._measure_cells(server, watch, reporter)
                    peak = watch.memory()
            except EngineError as error:
                kind: Any = error.kind
                failure = Failure(kind=kind, message=error.problem, log_tail=list(error.log_tail))
            except httpx.HTTPError as error:  # a cell's own requests are its own affair
                failure = Failure(
                    kind="crash",
                    message=f"the server broke off before the first cell: {error}",
                    log_tail=server.log_tail(),
                )
            swap_grown_mib = watch.swap_grown_mib()
        placement = read_placement(server.log_lines())
        memory = (
            judge_memory(
                placement,
                backend=self.item.backend,
                model_bytes=self.model.size_bytes,
                loaded=loaded,
                peak=peak,
                devices=server.devices,
                swap_grown_mib=swap_grown_mib,
            )
            if loaded
            else None
        )
        if parameters is not None:
            placement = replace(placement, parameters=parameters)
        return self._run_record(inventory, host_load, server, placement, cells, failure, memory)

    def _measure_cells(
        self, server: LlamaServer, watch: Watch, reporter: Reporter
    ) -> tuple[list[Cell], Failure | None]:
        """All cells in order; what there is if the server dies or hangs in one."""
        cells: list[Cell] = []
        places = [(w, c) for c in self.item.concurrencies for w in self.workloads]
        amounts = [self._amount(workload, c) for workload, c in places]
        what = f"{self.model.family} {self.model.variant} on {self.engine.build}"
        with (
            asyncio.Runner(loop_factory=_loop_factory()) as runner,
            reporter.step(what, total=sum(amounts)) as step,
        ):
            with closing(PromptFitter(server.base_url)) as fitter:
                prompts = {w.slug: fitter.fit(w) for w in self.workloads}
            for (workload, concurrency), amount in zip(places, amounts, strict=True):
                step.describe(f"{what}: {workload.slug}, concurrency {concurrency}")
                measure = CellMeasurement(
                    workload,
                    concurrency,
                    prompts[workload.slug],
                    output_tokens(workload, self.item.profile),
                    self.rules,
                    self.nonces,
                )
                cell = measure.make(server, watch, runner, step, amount)
                cells.append(cell)
                if cell.failure and (cell.failure.kind == "hang" or not server.alive()):
                    return cells, cell.failure
        return cells, None

    def _amount(self, workload: Workload, concurrency: int) -> float:
        """A cell's expected share of the work, in tokens decoded alone.

        A prompt token costs about a seventh of an output token, a stream more at
        concurrency c about half of one alone: rough, and only for the progress bar.
        """
        tokens = workload.prompt_tokens / 7 + output_tokens(workload, self.item.profile)
        waves = self.rules.warmup_waves + self.rules.min_waves
        return tokens * waves * (1 + concurrency) / 2

    def _run_record(
        self,
        inventory: Inventory,
        host_load: HostLoad,
        server: LlamaServer,
        placement: Placement,
        cells: list[Cell],
        failure: Failure | None,
        memory: MemoryProof | None,
    ) -> Run:
        gpus = inventory.gpus_behind(server.devices)
        part = self.model.parts[0]
        return Run(
            schema_version=1,
            run_id=self.run_id,
            provenance="measured",
            status="failed" if failure else "ok",
            failure=failure,
            started_at=self.started_at,
            finished_at=datetime.now(UTC).replace(microsecond=0),
            profile=self.item.profile,
            harness=Harness(
                version=__version__,
                git_commit=self.code_commit,
                python=platform.python_version(),
            ),
            rig=self.rig.slug,
            backend=self.item.backend,
            mode=self.item.mode,
            power_cap_w=gpus[0].power_cap_w if gpus else None,
            inventory=inventory,
            host_load=host_load,
            engine=Engine(
                build=self.engine.build,
                commit=self.engine.commit,
                channel=self.engine.channel,
                version_line=self.engine.version_line,
                binary_sha256=self.engine.binary_sha256,
                argv=server.public_argv,
                env=self.rig.backends[self.item.backend].env,
                system_info=placement.system_info,
                slots=server.slots,
                context_tokens_per_slot=server.context_tokens_per_slot,
                log_proof=placement.proof,
            ),
            model=Model(
                slug=self.model.slug,
                family=self.model.family,
                released=self.model.released,
                variant=self.model.variant,
                quant=self.model.quant,
                creator=self.model.creator,
                licence=self.model.licence,
                source=f"{part.source}@{part.revision}" if part.revision else part.source,
                file_name=self.model.file_name,
                sha256=self.model.sha256,
                size_bytes=self.model.size_bytes,
                parameters=placement.parameters,
                layers=placement.layers,
                context_train_tokens=placement.context_train_tokens,
                reasons=self.model.reasons,
            ),
            memory=memory,
            cells=cells,
        )


def _loop_factory() -> Any:
    """uvloop where there is one (not on Windows)."""
    with suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return None


def _parameters(server: LlamaServer) -> int | None:
    """The model's exact parameter count, which the log rounds to four digits."""
    answer = httpx.get(f"{server.base_url}/v1/models", timeout=30, trust_env=False)
    meta = answer.raise_for_status().json()["data"][0].get("meta") or {}
    return meta.get("n_params")


def code_commit() -> str | None:
    """Commit of the measuring code, `-dirty` if it was changed since; None outside git."""
    root = checkout().root
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--", "bench_pipeline"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}-dirty" if changed else commit
