"""From a plan item to a run file: lock the rig, climb the concurrencies, draw the curves, write.

Every concurrency has a server of its own with exactly as many slots: what one user gets is not
slowed by slots for sixty-four, and memory that suffices for one but not for all shows where it
ends.
"""

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench_pipeline.engines.catalogue import choose
from bench_pipeline.engines.host import this_host
from bench_pipeline.engines.install import InstalledEngine, install
from bench_pipeline.engines.placement import judge_memory, read_placement
from bench_pipeline.engines.server import LlamaServer
from bench_pipeline.errors import EngineError
from bench_pipeline.harness.cell import CellMeasurement
from bench_pipeline.harness.ladder import next_step
from bench_pipeline.harness.plan import PlanItem
from bench_pipeline.harness.profiles import PROFILES, output_tokens
from bench_pipeline.harness.prompts import PromptFitter, nonces
from bench_pipeline.harness.quiet import wait_until_quiet
from bench_pipeline.harness.rig_lock import rig_lock
from bench_pipeline.harness.run_record import RunRecord
from bench_pipeline.harness.telemetry import Watch
from bench_pipeline.inventory.capture import capture_inventory
from bench_pipeline.inventory.cpu import engine_threads
from bench_pipeline.models.catalogue import known_model
from bench_pipeline.models.fetch import fetch_model
from bench_pipeline.paths import Project
from bench_pipeline.progress import Reporter, Silent, Step
from bench_pipeline.records.cell import Cell, Failure
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.run import Ladder, Run
from bench_pipeline.records.server import DeviceMemory, Server
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
        measurement = _Measurement(item, project, rig, engine, model, model_path, workloads)
        run = measurement.make(reporter)
    return run, write_run(run, project.runs)


class _ServerGone(Exception):
    """The server died or hung in the midst of it; what was measured until then is kept."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.message)


@dataclass(frozen=True)
class _Running:
    """A server that answers, what watches it, and the event loop of its client."""

    server: LlamaServer
    watch: Watch
    runner: asyncio.Runner
    number: int


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
        self.setup = rig.backends[item.backend]
        self.rules = PROFILES[item.profile]
        self.record = RunRecord(item, rig, engine, model)
        self.nonces = nonces(seed=int(self.record.run_id, 16))
        self.log_stem = project.runs / rig.slug / item.backend / self.record.file_stem
        self.what = f"{model.family} {model.variant} on {engine.build}"

    def make(self, reporter: Reporter) -> Run:
        self.inventory = capture_inventory(self.engine.devices)
        host_load = wait_until_quiet(
            self.item.backend, reporter, patience_s=self.rules.quiet_patience_s
        )
        self.threads = self.setup.threads or engine_threads(self.inventory.cpu)
        failure: Failure | None = None
        try:
            self._climb(reporter)
            self._close(reporter)
        except EngineError as error:
            failure = _as_failure(error)
        except _ServerGone as gone:
            failure = gone.failure
        return self.record.as_run(self.inventory, host_load, failure)

    def _climb(self, reporter: Reporter) -> None:
        """Every workload at each concurrency. A server that does not start ends the climb: the
        run if it was the first, else its cells have failed."""
        cells, climbed = self.record.cells, []
        while isinstance(step := next_step(self.item.concurrencies, cells), int):
            climbed.append(step)
            try:
                with self._serve(step, self._context_tokens(), reporter) as running:
                    self._measure_cells(running, step, reporter)
            except EngineError as error:
                if len(climbed) == 1:
                    raise
                cells += [self._not_started(w, step, error) for w in self.workloads]
        self.record.ladder = Ladder(concurrencies=climbed, ended=step)

    def _close(self, reporter: Reporter) -> None:
        """The run's first cell once more, on a server like the one that it began with."""
        first = self.record.cells[0]
        if first.status != "ok":
            return
        workload = next(w for w in self.workloads if w.slug == first.workload)
        with (
            self._serve(first.concurrency, self._context_tokens(), reporter) as running,
            reporter.step(f"{self.what}: the first cell again") as step,
        ):
            self.record.closing = self._measure_cell(running, workload, first.concurrency, step, 1)

    def _context_tokens(self) -> int:
        longest = max(w.prompt_tokens + output_tokens(w, self.item.profile) for w in self.workloads)
        return -(-(longest + CONTEXT_MARGIN_TOKENS) // 256) * 256

    @contextmanager
    def _serve(
        self, slots: int, context_tokens_per_slot: int, reporter: Reporter
    ) -> Iterator[_Running]:
        """A server and its record, which is kept however it ends."""
        number = len(self.record.servers)
        with Watch(backend=self.item.backend) as watch:
            server = LlamaServer(
                self.engine,
                model=self.model_path,
                backend=self.item.backend,
                setup=self.setup,
                threads=self.threads,
                slots=slots,
                context_tokens_per_slot=context_tokens_per_slot,
                log_path=self.log_stem.with_name(f"{self.log_stem.name}-{number}.server.log"),
            )
            loaded: list[DeviceMemory] = []
            peak: list[DeviceMemory] = []
            failure: Failure | None = None
            reporter.say(
                f"Starting {self.engine.build} with {self.model.file_name}, slots: {slots}"
            )
            try:
                with server, asyncio.Runner(loop_factory=_loop_factory()) as runner:
                    watch.server_pid = server.pid
                    if not number:
                        self.record.parameters = _parameters(server)
                    loaded = watch.memory()
                    yield _Running(server, watch, runner, number)
                    peak = watch.memory()
            except EngineError as error:
                failure = _as_failure(error)
                raise
            except httpx.HTTPError as error:  # a cell's own requests are its own affair
                when = "between two cells" if self.record.cells else "before the first cell"
                failure = Failure(
                    kind="crash",
                    message=f"the server broke off {when}: {error}",
                    log_tail=server.log_tail(),
                )
                raise _ServerGone(failure) from None
            except _ServerGone as gone:
                failure = gone.failure
                raise
            finally:
                self._keep(server, watch, loaded, peak, failure)

    def _keep(
        self,
        server: LlamaServer,
        watch: Watch,
        loaded: list[DeviceMemory],
        peak: list[DeviceMemory],
        failure: Failure | None,
    ) -> None:
        placement = read_placement(server.log_lines())
        self.record.placement = self.record.placement or placement
        memory = (
            judge_memory(
                placement,
                backend=self.item.backend,
                model_bytes=self.model.size_bytes,
                loaded=loaded,
                peak=peak,
                devices=server.devices,
                swap_grown_mib=watch.swap_grown_mib(),
            )
            if loaded
            else None
        )
        self.record.devices = self.record.devices or server.devices
        self.record.servers.append(
            Server(
                argv=server.public_argv,
                slots=server.slots,
                context_tokens_per_slot=server.context_tokens_per_slot,
                load_ms=server.load_ms,
                log_proof=placement.proof,
                memory=memory,
                failure=failure,
            )
        )

    def _measure_cells(self, running: _Running, concurrency: int, reporter: Reporter) -> None:
        """All workloads at one concurrency. _ServerGone if the server dies or hangs in one."""
        amounts = [self._amount(workload, concurrency) for workload in self.workloads]
        with reporter.step(self.what, total=sum(amounts)) as step:
            for workload, amount in zip(self.workloads, amounts, strict=True):
                step.describe(f"{self.what}: {workload.slug}, concurrency {concurrency}")
                cell = self._measure_cell(running, workload, concurrency, step, amount)
                self.record.cells.append(cell)
                if cell.failure and (cell.failure.kind == "hang" or not running.server.alive()):
                    raise _ServerGone(cell.failure)

    def _measure_cell(
        self, running: _Running, workload: Workload, concurrency: int, step: Step, amount: float
    ) -> Cell:
        with closing(PromptFitter(running.server.base_url)) as fitter:
            prompt = fitter.fit(workload)
        measurement = CellMeasurement(
            workload,
            concurrency,
            prompt,
            output_tokens(workload, self.item.profile),
            self.rules,
            self.nonces,
        )
        cell = measurement.make(running.server, running.watch, running.runner, step, amount)
        return cell.model_copy(update={"server": running.number})

    def _not_started(self, workload: Workload, concurrency: int, error: EngineError) -> Cell:
        return Cell(
            workload=workload.slug,
            concurrency=concurrency,
            server=len(self.record.servers) - 1,
            status="failed",
            stop_reason="failed",
            failure=_as_failure(error),
        )

    def _amount(self, workload: Workload, concurrency: int) -> float:
        """A cell's expected share of the work, in tokens decoded alone.

        A prompt token costs about a seventh of an output token, a stream more at
        concurrency c about half of one alone: rough, and only for the progress bar.
        """
        tokens = workload.prompt_tokens / 7 + output_tokens(workload, self.item.profile)
        waves = self.rules.warmup_waves + self.rules.min_waves
        return tokens * waves * (1 + concurrency) / 2


def _as_failure(error: EngineError) -> Failure:
    kind: Any = error.kind
    return Failure(kind=kind, message=error.problem, log_tail=list(error.log_tail))


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
