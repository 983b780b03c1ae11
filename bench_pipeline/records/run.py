"""The run file: one rig x backend x build x model x mode with all its cells.

Raw and immutable: every request is kept, medians are never stored, they are derived
(`bench_pipeline.measures`). Times within a run are milliseconds from the start of their
cell's measured window on the client's monotonic clock.

Format history
  1  2026-11  first
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bench_pipeline.records.base import (
    Count,
    Month,
    NonNegative,
    Positive,
    Record,
    Sha256,
    Slug,
    UtcTime,
)
from bench_pipeline.records.campaign import Profile
from bench_pipeline.records.inventory import Inventory
from bench_pipeline.records.rig import Backend

SCHEMA_VERSION = 1

FailureKind = Literal["oom", "load", "hang", "crash", "timeout", "contaminated", "spilled"]
StopReason = Literal["converged", "repetitions", "budget", "failed"]
"""converged: the interval is narrow enough; repetitions: the profile's fixed or maximum
count; budget: the cell's time was used up first; failed: see the cell's failure."""


class Failure(Record):
    kind: FailureKind
    message: str
    log_tail: list[str] = []
    """The engine's last lines, paths removed."""


class Source(Record):
    """Where published or imported figures come from."""

    title: str
    url: str
    note: str = ""


class Harness(Record):
    version: str
    git_commit: str | None = None
    """None outside a checkout; with `-dirty` if the checkout had changes."""
    python: str


class Engine(Record):
    name: str = "llama.cpp"
    build: str
    commit: str | None = None
    channel: Literal["wheel", "github-release", "path"] | None = None
    version_line: str | None = None
    """What `--version` printed."""
    binary_sha256: Sha256 | None = None
    argv: list[str] = []
    """The full command; binary and model by file name, so that no private path is published."""
    env: dict[str, str] = {}
    """Only what the rig file sets."""
    system_info: str | None = None
    """The engine's line of compile features and threads."""
    slots: Count | None = None
    """Proven by the server's own `/props`."""
    context_tokens_per_slot: Count | None = None
    log_proof: list[str] = []
    """The log lines that prove backend, devices, layers and buffers."""


class Model(Record):
    slug: Slug
    family: str
    released: Month
    variant: str
    quant: str
    creator: str | None = None
    """None only where a published page did not say."""
    licence: str | None = None
    source: str | None = None
    file_name: str | None = None
    sha256: Sha256 | None = None
    size_bytes: int | None = Field(default=None, gt=0)
    parameters: int | None = None
    layers: int | None = None
    context_train_tokens: int | None = None
    reasons: bool | None = None


class Buffer(Record):
    """One line of the engine's log on memory."""

    device: str
    """`CPU`, `CUDA0`, `Vulkan0`, `CPU_Mapped`, `AMX`, ..."""
    holds: Literal["weights", "kv", "compute", "output"]
    mib: NonNegative


class DeviceMemory(Record):
    """Memory of one device over the life of the server, MiB.

    `host` is the machine's memory; its `ours` is the server's resident set.
    """

    device: str
    total_mib: Positive
    used_before_mib: NonNegative
    used_loaded_mib: NonNegative
    used_peak_mib: NonNegative
    ours_loaded_mib: NonNegative | None = None
    ours_peak_mib: NonNegative | None = None


class MemoryProof(Record):
    verdict: Literal["fits", "spilled", "unverified"]
    reason: str
    layers_offloaded: Count | None = None
    layers_total: Count | None = None
    buffers: list[Buffer] = []
    devices: list[DeviceMemory] = []


class HostLoad(Record):
    """What else ran on the rig in the second before the server started."""

    cpu_busy_fraction: Annotated[float, Field(ge=0, le=1)]
    foreign_gpu_processes: Count = 0


class Request(Record):
    """One streamed completion.

    decode_ms            client: first to last token
    server_decode_ms     server: the same, by its own clock
    server_prompt_ms     server: prompt processing, queueing excluded
    output_tokens        as the server counts them, reasoning included
    received_tokens      tokens whose arrival the client stamped, by the counter on each event;
                         `decode_ms` and the ITL figures are over these
    """

    wave: Count
    stream: Count
    sent_at_ms: NonNegative
    prompt_tokens: Count
    cached_tokens: Count
    output_tokens: Count
    received_tokens: Count
    reasoning_tokens: Count = 0
    ttft_ms: Positive
    first_visible_ms: Positive | None = None
    """None: no visible token came (a reasoning model that ran out of budget)."""
    decode_ms: NonNegative
    end_to_end_ms: Positive
    server_prompt_ms: NonNegative
    server_decode_ms: NonNegative
    itl_p50_ms: NonNegative
    itl_p95_ms: NonNegative
    itl_p99_ms: NonNegative
    itl_max_ms: NonNegative
    finish_reason: str


class Wave(Record):
    """All streams of a cell started together; the unit of repetition.

    all_busy_ms       from the last stream's first token to the first stream's last token
    all_busy_tokens   tokens that arrived from all streams within it, the one opening it excluded
    """

    wave: Count
    all_busy_ms: NonNegative
    all_busy_tokens: Count


class Telemetry(Record):
    """One device over exactly the measured window (warm-up excluded)."""

    device: str
    energy_j: NonNegative | None = None
    energy_from: Literal["counter", "integrated-power"] | None = None
    power_mean_w: NonNegative | None = None
    power_max_w: NonNegative | None = None
    core_clock_min_mhz: NonNegative | None = None
    core_clock_median_mhz: NonNegative | None = None
    temperature_max_c: float | None = None
    throttle_reasons: list[str] = []
    samples: Count
    complete: bool
    """No gap over twice the sampling interval and every field read each time."""


class Published(Record):
    """A figure as printed elsewhere: no samples stand behind it."""

    decode_tok_s: Positive


class Cell(Record):
    workload: Slug
    concurrency: int = Field(ge=1)
    status: Literal["ok", "failed"] = "ok"
    failure: Failure | None = None
    stop_reason: StopReason | None = None
    prompt_tokens_budget: Count | None = None
    output_tokens_budget: Count | None = None
    window_ms: NonNegative | None = None
    """Length of the measured window: first request sent to last token, warm-up excluded."""
    warmups: list[Request] = []
    requests: list[Request] = []
    waves: list[Wave] = []
    telemetry: list[Telemetry] = []
    published: Published | None = None

    @model_validator(mode="after")
    def _failed_says_why(self) -> Self:
        if (self.status == "failed") != (self.failure is not None):
            raise ValueError("a failed cell, and only that, has a `failure`")
        return self


class Run(Record):
    schema_version: Literal[1]
    run_id: str = Field(pattern=r"^[0-9a-f]{12}$")
    provenance: Literal["measured", "published", "imported"]
    source: Source | None = None
    status: Literal["ok", "failed"]
    """failed: the run ended before its last cell; what was measured until then is kept."""
    failure: Failure | None = None
    started_at: UtcTime | None = None
    finished_at: UtcTime | None = None
    profile: Profile | None = None
    harness: Harness | None = None
    rig: Slug
    backend: Backend
    mode: Slug = "baseline"
    power_cap_w: Positive | None = None
    """The cap in force while this ran; None: no GPU, or it has none."""
    inventory: Inventory
    host_load: HostLoad | None = None
    engine: Engine
    model: Model
    memory: MemoryProof | None = None
    cells: list[Cell] = []

    @model_validator(mode="after")
    def _complete_for_its_provenance(self) -> Self:
        if (self.status == "failed") != (self.failure is not None):
            raise ValueError("a failed run, and only that, has a `failure`")
        places = [(cell.workload, cell.concurrency) for cell in self.cells]
        if len(set(places)) != len(places):
            raise ValueError("two cells have the same workload and concurrency")
        if self.provenance == "measured":
            needed = ("started_at", "finished_at", "profile", "harness")
            if missing := [name for name in needed if getattr(self, name) is None]:
                raise ValueError(f"a measured run needs {', '.join(missing)}")
            if self.model.sha256 is None or self.engine.binary_sha256 is None:
                raise ValueError("a measured run needs the sha256 of model and binary")
            if bare := [c.workload for c in self.cells if c.status == "ok" and not c.requests]:
                raise ValueError(f"a measured cell needs its requests: {', '.join(bare)}")
            if any(cell.published for cell in self.cells):
                raise ValueError("a measured run has no `published` figure")
        else:
            if self.source is None:
                raise ValueError(f"a {self.provenance} run names its `source`")
            if any(cell.requests for cell in self.cells if self.provenance == "published"):
                raise ValueError("a published run has figures as printed, not requests")
        return self

    @property
    def file_stem(self) -> str:
        """`20261122T154500Z-<run_id>`, or `published-<run_id>` where no time is known."""
        when = self.started_at.strftime("%Y%m%dT%H%M%SZ") if self.started_at else self.provenance
        return f"{when}-{self.run_id}"

    @property
    def relative_path(self) -> str:
        """Below `content/benchmarks/runs/`; path and content must agree."""
        return f"{self.rig}/{self.backend}/{self.file_stem}.yaml"
