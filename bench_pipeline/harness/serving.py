"""A server for part of a run: started, watched, recorded however it ends."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench_pipeline.engines.builds.install import InstalledEngine
from bench_pipeline.engines.dialects.families import FAMILIES, Named
from bench_pipeline.engines.dialects.protocol import Dialect
from bench_pipeline.engines.guarded import GuardedServer
from bench_pipeline.engines.llama_cpp.asked import check_as_asked
from bench_pipeline.engines.llama_cpp.asking import ask, local_client
from bench_pipeline.engines.llama_cpp.environment import left_out
from bench_pipeline.engines.llama_cpp.log_reading import scrub
from bench_pipeline.engines.llama_cpp.placement import judge_memory, read_placement
from bench_pipeline.engines.llama_cpp.server import LlamaServer
from bench_pipeline.engines.others.found import FoundServer
from bench_pipeline.engines.others.server import OtherServer
from bench_pipeline.errors import EngineError, RigError
from bench_pipeline.harness.planning import modes
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.harness.run_record import RunRecord, model_record
from bench_pipeline.harness.telemetry import Watch, engine_names
from bench_pipeline.models.gguf_header import Tensor, read_tensors
from bench_pipeline.progress import Reporter
from bench_pipeline.records.cell import Failure
from bench_pipeline.records.devices import Gpu
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import BackendSetup
from bench_pipeline.records.server import DeviceMemory, Server

MOST_PARAMETERS = 10**15
"""As many as a run file takes; the largest models have a thousandth of it."""


class ServerGone(Exception):
    """The server died or hung in the midst of it; what was measured until then is kept."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.message)


@dataclass(frozen=True)
class Running:
    """A server that answers, what watches it, and the event loop of its client."""

    server: GuardedServer
    watch: Watch
    runner: asyncio.Runner
    number: int
    """Its place among the run's servers."""
    dialect: Dialect
    """How it is talked to."""
    record: RunRecord
    """Of the run that it is a part of."""


@dataclass(frozen=True)
class Serving:
    """What every server of a run has in common."""

    item: PlanItem
    engine: InstalledEngine
    model: ModelFile
    model_path: Path
    draft: tuple[ModelFile, Path] | None
    setup: BackendSetup
    threads: int
    log_stem: Path
    record: RunRecord

    @contextmanager
    def serve(
        self,
        slots: int,
        context_tokens_per_slot: int,
        reporter: Reporter,
        *,
        keeps_prompts: bool = False,
    ) -> Iterator[Running]:
        """EngineError if it does not start or does not run as asked; ServerGone if it ends.

        `keeps_prompts`: it may reuse what a prompt shares with the one before.
        """
        number = len(self.record.servers)
        server = self._server(slots, context_tokens_per_slot, number, keeps_prompts)
        with Watch(backend=self.item.plain_backend, names=self._watched(server)) as watch:
            for gap in () if number else watch.gaps:
                reporter.say(gap)
            loaded: list[DeviceMemory] = []
            peak: list[DeviceMemory] = []
            failure: Failure | None = None
            reporter.say(
                f"Starting {self.engine.build} with {self.model.file_name}, slots: {slots}"
            )
            try:
                with server, asyncio.Runner(loop_factory=_loop_factory()) as runner:
                    modes.check_started(self.item.mode, server.log_lines())
                    if isinstance(server, LlamaServer):
                        check_as_asked(self.setup, server.log_lines())
                    watch.server_pid = server.watched_pid
                    if not number:
                        if isinstance(server, LlamaServer):
                            self.record.parameters = _parameters(server)
                        self._learn(server, watch, reporter)
                    loaded = watch.memory()
                    yield Running(server, watch, runner, number, self._dialect(), self.record)
                    peak = watch.memory()
            except EngineError as error:
                failure = as_failure(error)
                raise
            except httpx.HTTPError as error:  # a cell's own requests are its own affair
                when = "between two cells" if self.record.cells else "before the first cell"
                failure = Failure(
                    kind="crash",
                    message=scrub(f"the server broke off {when}: {error}"),
                    log_tail=server.log_tail(),
                )
                raise ServerGone(failure) from None
            except ServerGone as gone:
                failure = gone.failure
                raise
            finally:
                self._keep(server, watch, loaded, peak, failure)

    def _dialect(self) -> Dialect:
        dialect, started = FAMILIES[self.engine.name], self.engine.started
        if started is None or not started.models:
            return dialect
        named: Any = Named(dialect, started.models[self.model.slug])
        return named

    def _server(
        self, slots: int, context_tokens_per_slot: int, number: int, keeps_prompts: bool = False
    ) -> GuardedServer:
        log_path = self.log_stem.with_name(f"{self.log_stem.name}-{number}.server.log")
        if self.engine.started and self.engine.started.base_url:
            return FoundServer(
                self.engine,
                model=self.model,
                slots=slots,
                context_tokens_per_slot=context_tokens_per_slot,
                log_path=log_path,
            )
        if self.engine.started:
            return OtherServer(
                self.engine,
                model=self.model_path,
                threads=self.threads,
                slots=slots,
                context_tokens_per_slot=context_tokens_per_slot,
                log_path=log_path,
            )
        return LlamaServer(
            self.engine,
            model=self.model_path,
            draft=self.draft[1] if self.draft else None,
            backend=self.item.plain_backend,
            setup=self.setup,
            threads=self.threads,
            slots=slots,
            context_tokens_per_slot=context_tokens_per_slot,
            keeps_prompts=keeps_prompts,
            extra_args=modes.server_arguments(self.item.mode),
            log_path=log_path,
        )

    def cards(self) -> dict[str, str]:
        """The cards that will hold the model, by the engine's names, as far as they can be told
        before the engine has named them: PCI address to name."""
        return engine_names(self.record.inventory, self.planned_devices())

    def planned_devices(self) -> list[str]:
        """By the engine's names; none on `cpu`."""
        return self._server(1, 1, 0).planned_devices()

    def gpus(self) -> list[Gpu]:
        """The cards that will hold the model. RigError where one cannot be told."""
        devices = self._server(1, 1, 0).planned_devices()
        found = self.record.inventory.gpus_behind(devices)
        if devices and len(found) == len(devices):
            return found
        why = self.record.inventory.why_unknown(devices) or "it computes on no card"
        raise RigError(
            f"no power cap can be set: {why}",
            mend="leave out the caps, or name the card as `device` in the rig's file",
            where=self.item.partition.key,
        )

    def _watched(self, server: GuardedServer) -> dict[str, str]:
        """The cards that hold the model. For the first server all of them, by the names that they
        probably have: its log tells which they are, and what was in use before it cannot be read
        afterwards. Of another family's all: nobody tells which it took."""
        inventory = self.record.inventory
        names = engine_names(inventory, server.planned_devices())
        if self.record.servers and not self.engine.started:
            return names
        addresses = [gpu.pcie_address for gpu in inventory.gpus if gpu.pcie_address]
        return {address: names.get(address, address) for address in addresses}

    def _learn(self, server: GuardedServer, watch: Watch, reporter: Reporter) -> None:
        """Which cards compute, from the engine's own lines."""
        self.record.devices = server.devices
        self.record.learn(read_placement(server.log_lines()))
        if self.item.plain_backend != "cpu" and not self.engine.started:
            watch.keep(engine_names(self.record.inventory, server.devices))
        for sentence in self.record.unknown():
            reporter.say(sentence)
        if names := left_out():
            reporter.say(
                f"Kept from the engine: {', '.join(names)} of your shell. What it needs of them "
                "belongs into the rig file's `env`."
            )

    def _tensors(self) -> Mapping[str, Tensor]:
        """What is in the model's file, read once a run and never while something is measured."""
        if self.record.tensors is None:
            names = self.model.file_names
            try:
                tensors = read_tensors(self.model_path.with_name(name) for name in names)
            except (OSError, ValueError):
                tensors = {}
            self.record.tensors = tensors
        return self.record.tensors

    def _keep(
        self,
        server: GuardedServer,
        watch: Watch,
        loaded: list[DeviceMemory],
        peak: list[DeviceMemory],
        failure: Failure | None,
    ) -> None:
        placement, tensors = read_placement(server.log_lines()), self._tensors()
        self.record.placement = self.record.placement or placement
        self.record.devices = self.record.devices or server.devices
        if self.draft and self.record.draft is None:
            self.record.draft = model_record(self.draft[0], placement.draft)
        memory = (
            judge_memory(
                placement,
                backend=self.item.plain_backend,
                model_bytes=self.model.size_bytes,
                loaded=loaded,
                peak=peak,
                devices=server.devices,
                meant=self.setup.arrangement,
                tensors={name: tensor.size_bytes for name, tensor in tensors.items()},
                swap_grown_mib=watch.swap_grown_mib(),
            )
            if loaded
            else None
        )
        self.record.servers.append(
            Server(
                argv=server.public_argv,
                slots=server.slots,
                context_tokens_per_slot=server.context_tokens_per_slot,
                load_ms=server.load_ms,
                log_proof=placement.proof,
                memory=memory,
                cache_probe=self.record.probes.get(len(self.record.servers)),
                failure=failure,
            )
        )


def as_failure(error: EngineError) -> Failure:
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
    path = f"{server.base_url}/v1/models"
    with local_client() as client:
        models = ask(client, "GET", path, limit_s=30).get("data")
    first = models[0] if isinstance(models, list) and models else None
    meta = first.get("meta") if isinstance(first, dict) else None
    count = meta.get("n_params") if isinstance(meta, dict) else None
    return count if type(count) is int and 0 < count <= MOST_PARAMETERS else None
