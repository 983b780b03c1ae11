"""What a run has found so far, and the run file that it becomes."""

import platform
import secrets
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from bench_pipeline import __version__
from bench_pipeline.engines.builds.install import InstalledEngine
from bench_pipeline.engines.dialects.families import FAMILIES, untold
from bench_pipeline.engines.llama_cpp.environment import SET, left_out, recorded
from bench_pipeline.engines.llama_cpp.log_reading import without_addresses
from bench_pipeline.engines.llama_cpp.placement import Placement
from bench_pipeline.engines.secrets import variables_without_secrets
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.harness.power.capped import Cap
from bench_pipeline.inventory.capture import capture_inventory
from bench_pipeline.models.gguf_header import Tensor
from bench_pipeline.paths import checkout
from bench_pipeline.records.cell import Cell, CurvePoint, Failure
from bench_pipeline.records.inventory import Gpu, Inventory
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.run import (
    DepthLeftOut,
    Engine,
    Harness,
    HostLoad,
    Ladder,
    Model,
    Run,
    Session,
    TensorsOfType,
)
from bench_pipeline.records.server import Bandwidth, BareEngine, CacheProbe, Server
from bench_pipeline.records.workload import Trace


class RunRecord:
    """Filled while the run is made; `as_run` at any moment says what there is."""

    def __init__(
        self,
        item: PlanItem,
        rig: Rig,
        engine: InstalledEngine,
        model: ModelFile,
        inventory: Inventory,
    ) -> None:
        self.item, self.rig, self.engine, self.model = item, rig, engine, model
        self.inventory = inventory
        self.run_id = secrets.token_hex(6)
        self.started_at = datetime.now(UTC).replace(microsecond=0)
        self._started_s = time.monotonic()
        self.code_commit = code_commit()  # now: the checkout may change while this runs
        self.servers: list[Server] = []
        self.probes: dict[int, CacheProbe] = {}
        """By the number of the server."""
        self.cells: list[Cell] = []
        self.closing: Cell | None = None
        self.curves: list[CurvePoint] = []
        self.depths_left_out: list[DepthLeftOut] | None = None
        self.conversations: list[Trace] | None = None
        self.bare_engine: BareEngine | None = None
        self.bandwidth: list[Bandwidth] = []
        self.ladder: Ladder | None = None
        self.draft: Model | None = None
        self.session: Session | None = None
        self.placement: Placement | None = None
        """As the first server's log tells it."""
        self.parameters: int | None = None
        self.tensors: Mapping[str, Tensor] | None = None
        """Of the model's file, by name; None until it was read, empty if it cannot be."""
        self.cap: Cap | None = None
        """That was set for it."""
        self.devices: list[str] = []
        """Names of the devices that the servers were pinned to."""

    @property
    def file_stem(self) -> str:
        return f"{self.started_at:%Y%m%dT%H%M%SZ}-{self.run_id}"

    def _ended_at(self) -> datetime:
        """By this machine's clock, but no earlier than time has passed: a clock that is put back
        amid a run (the network's time reaches a board without a battery, a guest is resumed) would
        make it one that ended before it began."""
        passed = timedelta(seconds=time.monotonic() - self._started_s)
        return max(datetime.now(UTC), self.started_at + passed).replace(microsecond=0)

    def check_cap(self) -> None:
        """RigError where the cap that was set does not hold: then nothing of it may be kept."""
        if self.cap is not None:
            self.cap.check()

    def learn(self, placement: Placement) -> None:
        """What the first server's log tells of the machine: which card each device is. And what
        a card that slept when the inventory was taken shows now that it computes."""
        devices = [
            device.model_copy(update={"pcie_address": placement.addresses.get(device.id)})
            for device in self.inventory.engine_devices
        ]
        gpus = self.inventory.gpus
        if any(gpu.asleep for gpu in gpus):
            gpus = awake(gpus, capture_inventory().gpus)
        self.inventory = self.inventory.model_copy(update={"engine_devices": devices, "gpus": gpus})

    def as_run(self, host_load: HostLoad, failure: Failure | None = None) -> Run:
        inventory, started = self.inventory, self.engine.started
        setup = self.rig.backends[self.item.backend]
        env = variables_without_secrets(started.env if started else setup.env)
        placement = self.placement or Placement()
        return Run(
            schema_version=4,
            run_id=self.run_id,
            provenance="measured",
            status="failed" if failure else "ok",
            failure=failure,
            started_at=self.started_at,
            finished_at=self._ended_at(),
            profile=self.item.profile,
            parts=None if self.item.parts == ("usual",) else list(self.item.parts),
            harness=Harness(
                version=__version__,
                git_commit=self.code_commit,
                python=platform.python_version(),
            ),
            rig=self.rig.slug,
            backend=self.item.backend,
            arrangement=setup.arrangement,
            mode=self.item.mode,
            power_cap_w=self._power_cap_w(),
            asked_workloads=list(self.item.workloads) or None,
            power_cap=self.cap.record if self.cap else None,
            unknown=self.unknown(),
            inventory=inventory,
            host_load=host_load,
            engine=Engine(
                name=self.engine.name,
                untold=untold(FAMILIES[self.engine.name]) or None,
                head_tokens=FAMILIES[self.engine.name].head_tokens or None,
                build=started.version if started else self.engine.build,
                commit=self.engine.commit,
                channel=self.engine.channel,
                version_line=self.engine.version_line or None,
                binary_sha256=self.engine.binary_sha256 or None,
                env={
                    **(SET if self.item.plain_backend == "cuda" else {}),
                    **{name: without_addresses(value) for name, value in env.items()},
                },
                shell_env=recorded(env),
                left_out=left_out(),
                system_info=placement.system_info,
            ),
            model=model_record(self.model, placement, self.parameters, self.tensors or {}),
            draft=self.draft,
            session=self.session,
            servers=self.servers,
            ladder=self.ladder,
            cells=self.cells,
            closing=self.closing,
            curves=self.curves,
            depths_left_out=self.depths_left_out or None,
            conversations=self.conversations,
            bare_engine=self.bare_engine,
            bandwidth=self.bandwidth,
        )

    def _power_cap_w(self) -> float | None:
        """Of all cards that hold the model; None where one has none or is not known."""
        gpus = self.inventory.gpus_behind(self.devices)
        caps = [gpu.power_cap_w for gpu in gpus if gpu.power_cap_w is not None]
        whole = bool(caps) and len(caps) == len(gpus) == len(self.devices)
        return sum(caps) if whole else None

    def unknown(self) -> list[str]:
        """What cannot be told of the cards and the engine, a sentence each."""
        reason = self.inventory.why_unknown(self.devices)
        told = [] if reason is None else [f"{reason[0].upper()}{reason[1:]}."]
        if self.engine.started and self.engine.started.base_url:
            told.append(
                "It was running already, and is not ours: how it was started, and what else it was "
                "asked meanwhile, nobody knows."
            )
            if self.engine.started.elsewhere:
                told.append(
                    "It may have run on another machine: what is said here of this one's parts, "
                    "load and memory need not be of the one that computed."
                )
        if self.engine.started:
            proven = FAMILIES[self.engine.name].proves_slots
            room = "" if proven else ", with as many slots and as much context as was asked for,"
            told.append(
                f"That it was {self.engine.build}{room} is the word of the rig's owner: nothing "
                "here proves it."
            )
            if any(probe.caches for probe in self.probes.values()):
                told.append(
                    "It keeps the prompts that it has answered and does not say when it uses one: "
                    "each began with a number that no other had, and at one stream the longest "
                    "were as slow as new ones are."
                )
            if head := FAMILIES[self.engine.name].head_tokens:
                told.append(
                    f"Its prompt cache cannot be switched off: up to {head} tokens of each prompt, "
                    "those before a number that no other had, may have come from it."
                )
        return told


def awake(before: Sequence[Gpu], now: Sequence[Gpu]) -> list[Gpu]:
    """`before`, each card that slept as it is `now`."""
    found = {gpu.pcie_address: gpu for gpu in now if gpu.pcie_address}
    return [found.get(gpu.pcie_address or "", gpu) if gpu.asleep else gpu for gpu in before]


def model_record(
    model: ModelFile,
    placement: Placement | None = None,
    parameters: int | None = None,
    tensors: Mapping[str, Tensor] = {},
) -> Model:
    """The catalogue's entry with what the engine says of the file, and what lies in it."""
    placement = placement or Placement()
    return Model(
        slug=model.slug,
        family=model.family,
        released=model.released,
        variant=model.variant,
        quant=model.quant,
        creator=model.creator,
        licence=model.licence,
        source=model.parts[0].published,
        file_name=model.file_name,
        sha256=model.sha256,
        size_bytes=model.size_bytes,
        parameters=parameters or placement.parameters,
        layers=placement.layers,
        context_train_tokens=placement.context_train_tokens,
        experts=placement.experts,
        reasons=model.reasons if placement.thinks is None else placement.thinks,
        tensors=by_type(tensors.values()) or None,
    )


def by_type(tensors: Iterable[Tensor]) -> list[TensorsOfType]:
    """Most bytes first."""
    found: dict[str, list[Tensor]] = defaultdict(list)
    for tensor in tensors:
        found[tensor.type].append(tensor)
    made = [
        TensorsOfType(
            type=kind,
            tensors=len(held),
            weights=sum(tensor.weights for tensor in held),
            size_bytes=sum(tensor.size_bytes for tensor in held),
        )
        for kind, held in found.items()
    ]
    return sorted(made, key=lambda held: (-held.size_bytes, held.type))


def code_commit() -> str | None:
    """Commit of the measuring code, `-dirty` if it was changed since; None outside a checkout."""
    root = checkout().root
    if not (root / ".git").exists():  # installed: a repository above is somebody else's
        return None
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
