"""The run file: one rig x backend x build x model x mode with all its cells.

Raw and immutable: every request is kept, medians are never stored, they are derived
(`bench_pipeline.measures`).

Format history (`migrations` reads the older ones)
  1  2026-11  first
  2  2026-11  a server for each concurrency (`servers`, instead of one in `engine` and `memory`),
              curves, the bare engine, bandwidth, the ladder of concurrencies, draft models
  3  2026-11  sessions: builds measured in turns, a cell over several starts of its server
  4  2026-11  requests, waves and telemetry as tables, a hash over the file
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bench_pipeline.records.base import (
    MOST_ITEMS,
    MOST_SAMPLES,
    Count,
    Month,
    Name,
    NonNegative,
    Positive,
    Record,
    Sender,
    Sha256,
    Size,
    Slug,
    Streams,
    UtcTime,
)
from bench_pipeline.records.campaign import Mode, Part, Profile
from bench_pipeline.records.cell import Cell, CurvePoint, Failure, Printed
from bench_pipeline.records.devices import PowerCap
from bench_pipeline.records.inventory import Inventory
from bench_pipeline.records.rig import Arrangement, Backend, BackendName, plain_backend
from bench_pipeline.records.server import Bandwidth, BareEngine, Server
from bench_pipeline.records.workload import Trace

SCHEMA_VERSION = 4

SEAL = "below_sha256"
"""Second line of a run file that this code wrote; it belongs to the file, not to the record."""

SIGNATURE = "signature"
"""Third line of one that was signed; what it holds is read and proven in `senders.signatures`."""


class Source(Record):
    """Where published or imported figures come from."""

    title: Annotated[str, Field(min_length=1, max_length=1000)]
    """Name of the page or data set."""
    url: Annotated[str, Field(max_length=2000)]
    """Its address; empty where it has none, as a file that somebody sent."""
    note: str = ""
    """What to know before comparing."""


class Harness(Record):
    """The code that measured."""

    version: Name
    """Of this package."""
    git_commit: Name | None = None
    """None outside a checkout; with `-dirty` if the checkout had changes."""
    python: Name
    """Version of the interpreter."""


LLAMA_CPP = "llama.cpp"
"""Name of the family that is measured where no other is named."""

Untold = Literal["cached_tokens", "fixed_length", "gaps", "own_clock"]
"""What a family of engines does not tell or cannot be told; then it is absent."""


def asked_as(engine: str, build: str) -> str:
    """As a build is asked for: `b10434`, `dasllama-0.6.6`."""
    return build if engine == LLAMA_CPP else f"{engine}-{build}"


class Engine(Record):
    """The engine as it ran."""

    name: Name = LLAMA_CPP
    """Its family: `llama.cpp`, or another behind the same protocol."""
    build: Name
    """`b10434`, or any name for a build of one's own; of another family its version, `0.6.6`."""
    untold: list[Untold] | None = Field(default=None, min_length=1, max_length=MOST_ITEMS)
    """What the family cannot tell of each request, so that it may be absent there: `cached_tokens`;
    `own_clock`, its times; `gaps`, when each token came; `fixed_length`: replies end where the
    model ends them. None: it tells all, as llama.cpp does."""
    head_tokens: Annotated[int, Field(ge=1, le=64)] | None = None
    """Of a family whose prompt cache cannot be switched off: how many tokens of a cold prompt may
    have come from it. None: none."""
    commit: Name | None = None
    """As `--version` prints it."""
    channel: Literal["wheel", "github-release", "path", "command", "found"] | None = None
    """Where the build came from; `command`: the rig file says how it is started; `found`: it
    was running already."""
    version_line: str | None = None
    """What `--version` printed."""
    binary_sha256: Sha256 | None = None
    """Of llama-server and then the shared libraries beside it, joined in order of name; of another
    family only of the file that its command starts."""
    env: dict[str, str] = {}
    """What the rig file sets, and what this code sets (CUDA_DEVICE_ORDER)."""
    shell_env: dict[str, str] | None = None
    """Variables of the user's shell that reached it and may matter, folders removed. None: nobody
    looked."""
    left_out: list[str] | None = Field(default=None, max_length=MOST_ITEMS)
    """Names of the shell's variables that would have changed its speed or choice of device, and
    were kept from it. None: nobody looked, and none was kept."""
    system_info: str | None = None
    """The engine's line of compile features and threads."""

    def tells(self, what: Untold) -> bool:
        """Whether each request has it."""
        return what not in (self.untold or ())

    @property
    def asked_as(self) -> str:
        return asked_as(self.name, self.build)


class TensorsOfType(Record):
    """All tensors of one type in a model's file: a quant's name alone does not tell them, as one
    maker keeps other tensors wider than the next, and rows that fit no block take another type."""

    type: Name
    """As ggml names it: `Q4_K`."""
    tensors: Count
    """How many."""
    weights: Size
    """In all of them."""
    size_bytes: Size
    """Of all of them."""


class Model(Record):
    """The model as it ran: the catalogue's entry, and what the engine says of the file."""

    slug: Slug
    """In the catalogue."""
    family: Name
    """Models trained and released together."""
    released: Month
    """When the family was released."""
    variant: Name
    """Size and tuning within the family."""
    quant: Name
    """How the weights are stored."""
    creator: Name | None = None
    """None only where a published page did not say."""
    licence: str | None = None
    """As the catalogue has it."""
    source: str | None = None
    """Where the file came from."""
    file_name: str | None = None
    """Without its folder."""
    sha256: Sha256 | None = None
    """Of the whole file."""
    size_bytes: Size | None = None
    """Of the whole file."""
    parameters: Size | None = None
    """Number of weights."""
    layers: Count | None = None
    """Blocks, output layer not counted."""
    experts: Count | None = None
    """Of a mixture of experts, of which each token reads only some; 0: all weights are read."""
    context_train_tokens: Count | None = None
    """Context it was trained with."""
    reasons: bool | None = None
    """Whether it thinks before the answer, hidden, unless told not to."""
    tensors: list[TensorsOfType] | None = None
    """What the file holds, by type, most bytes first; None where it was not read."""


class HostLoad(Record):
    """What else ran on the rig in the second before the server started."""

    cpu_busy_fraction: Annotated[float, Field(ge=0, le=1)]
    """Of all cores, 0 to 1."""
    foreign_gpu_processes: Count = 0
    """Programs of others that compute on the GPUs of this run."""
    processes_on_other_gpus: Count | None = None
    """Programs that compute on GPUs which this run does not use. None: nobody looked."""
    waited_s: NonNegative = 0
    """For the rig to become quiet."""
    quiet: bool | None = None
    """False: it stayed busy, and was measured all the same; the page says so."""


class Ladder(Record):
    """The concurrencies of a run, one after the other."""

    concurrencies: list[Streams] = Field(min_length=1, max_length=MOST_ITEMS)
    """As measured."""
    ended: Literal["asked", "flat", "failed", "limit"]
    """`asked`: these and no more were wanted; `flat`: the last one's aggregate was hardly above
    the one before, so the knee is known; `failed`: the last one could not be measured; `limit`:
    still growing at the highest that the harness tries."""


class DepthLeftOut(Record):
    """A length of the prompt that the curve does not reach."""

    depth_tokens: Count
    """The length."""
    why: Literal["trained", "memory", "time"]
    """`trained`: the model is for shorter contexts; `memory`: weights and KV cache would not fit;
    `time`: the budget of the curve would not have held it."""
    message: Annotated[str, Field(min_length=1)]
    """One sentence, with the numbers."""


class Session(Record):
    """Builds measured in turns, there and back (A B B A), block by block: only such figures are
    judged against each other, as only they saw the same state of the machine.

    A block is one start of one build's server: a warm-up and a few waves of every cell. Each run
    of the session holds its own build's blocks; the k-th start in `servers` that a wave names is
    that build's k-th block, and two blocks of each build make one turn.
    """

    session_id: str = Field(pattern=r"^[0-9a-f]{12}$")
    """Shared by the runs of the session."""
    builds: list[Name] = Field(min_length=2, max_length=MOST_ITEMS)
    """Each once, oldest first: the way there."""
    blocks: list[Name] = Field(min_length=1, max_length=MOST_SAMPLES)
    """The build of each block, in the order in which they were measured."""
    ended: Literal["known", "budget", "failed"]
    """`known`: every ratio between two of its builds is known within the target; `budget`: the
    time was used up first; `failed`: a build could not go on."""


class Run(Record):
    """Everything that is needed to repeat a run and to make each of its numbers again."""

    schema_version: Literal[4]
    """Version of this format."""
    run_id: str = Field(pattern=r"^[0-9a-f]{12}$")
    """Its name, unique among all runs."""
    provenance: Literal["measured", "published", "imported"]
    """`measured` by this code, `published` as printed elsewhere, or `imported` with its samples."""
    submitted_by: Sender | None = None
    """Who sent it, where it is not of the site's owner."""
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
    parts: list[Part] | None = Field(default=None, min_length=1, max_length=MOST_ITEMS)
    """What of a run was asked for. None: the usual, and no more."""
    harness: Harness | None = None
    """The code that measured."""
    rig: Slug
    """Slug of the rig."""
    backend: BackendName
    """How the engine computed: a backend, or a setup of it that the rig names."""
    arrangement: Arrangement | None = None
    """What of the rig's setup was asked beyond the engine's defaults; the servers' logs show
    that it was so. None: nothing, or nobody noted it."""
    mode: Mode = "baseline"
    """What was switched on or off beyond the defaults."""
    power_cap_w: Positive | None = None
    """The cap in force while this ran, of all cards that held the model together; None: no GPU, it
    has none, or which card it was cannot be told."""
    asked_workloads: list[Slug] | None = Field(default=None, min_length=1, max_length=MOST_ITEMS)
    """Where only some of the workloads were wanted: these. None: all."""
    power_cap: PowerCap | None = None
    """The cap that was set for this run. None: it ran under what was found."""
    unknown: list[str] = Field(default=[], max_length=MOST_ITEMS)
    """What cannot be told of this run, and why: a sentence each."""
    inventory: Inventory
    """The rig, read just before."""
    host_load: HostLoad | None = None
    """What else ran on it."""
    engine: Engine
    """The engine as it ran."""
    model: Model
    """The model as it ran."""
    draft: Model | None = None
    """The small model that drafted for it."""
    session: Session | None = None
    """Of a run whose build was measured in turns with others."""
    servers: list[Server] = Field(default=[], max_length=MOST_ITEMS)
    """Every start of the engine, in order."""
    ladder: Ladder | None = None
    """How far concurrency was raised, and why no further."""
    cells: list[Cell] = Field(default=[], max_length=MOST_ITEMS)
    """One for each workload and concurrency."""
    closing: Cell | None = None
    """The run's first cell measured again at its end: by what it differs, the machine drifted."""
    curves: list[CurvePoint] = Field(default=[], max_length=MOST_ITEMS)
    """Prefill and decode by length of the prompt, one stream."""
    depths_left_out: list[DepthLeftOut] | None = Field(default=None, max_length=MOST_ITEMS)
    """Lengths that a deep curve was asked for and does not have, and why."""
    conversations: list[Trace] | None = Field(default=None, max_length=MOST_ITEMS)
    """Scripts played turn by turn, with prompt caching on."""
    bare_engine: BareEngine | None = None
    """The same without a server."""
    bandwidth: list[Bandwidth] = Field(default=[], max_length=MOST_ITEMS)
    """Of the memory that the model was read from."""
    printed: Printed | None = None
    """Of a published or imported run: figures as its source gives them, which no cell holds."""

    @model_validator(mode="after")
    def _complete_for_its_provenance(self) -> Self:
        if (self.status == "failed") != (self.failure is not None):
            raise ValueError("a failed run, and only that, has a `failure`")
        places = [(cell.workload, cell.concurrency) for cell in self.cells]
        if len(set(places)) != len(places):
            raise ValueError("two cells have the same workload and concurrency")
        if self.session and self.engine.build not in self.session.builds:
            raise ValueError("its build is none of its session's")
        named = [
            number for number in self._servers_named(waves=bool(self.session)) if number is not None
        ]
        if any(number >= len(self.servers) for number in named):
            raise ValueError("a cell names none of the run's `servers`")
        if self.session and any(cell.requests and not cell.waves for cell in self.cells):
            raise ValueError("a session's cell needs its waves: they say which start they are of")
        if self.engine.name == LLAMA_CPP and (self.engine.untold or self.engine.head_tokens):
            raise ValueError(f"{LLAMA_CPP} tells all: it has no `untold` and no `head_tokens`")
        if self.provenance == "measured":
            needed = ("started_at", "finished_at", "profile", "harness")
            if missing := [name for name in needed if getattr(self, name) is None]:
                raise ValueError(f"a measured run needs {', '.join(missing)}")
            found = self.engine.channel == "found"  # its program may be anywhere
            if self.model.sha256 is None or (self.engine.binary_sha256 is None and not found):
                raise ValueError("a measured run needs the sha256 of model and binary")
            if bare := [c.workload for c in self.cells if c.status == "ok" and not c.requests]:
                raise ValueError(f"a measured cell needs its requests: {', '.join(bare)}")
            if any(number is None for number in self._servers_named(waves=bool(self.session))):
                raise ValueError("a cell names none of the run's `servers`")
            if any(cell.published for cell in self.cells):
                raise ValueError("a measured run has no `published` figure")
            if self.printed:
                raise ValueError("a measured run has no `printed` figure")
        else:
            if self.source is None:
                raise ValueError(f"a {self.provenance} run names its `source`")
            if any(cell.requests for cell in self.cells if self.provenance == "published"):
                raise ValueError("a published run has figures as printed, not requests")
        return self

    def _servers_named(self, *, waves: bool = True) -> list[int | None]:
        """By cells and points, and by the `waves` within them."""
        cells = [*self.cells, *([self.closing] if self.closing else [])]
        numbers = [cell.server for cell in cells] + [point.server for point in self.curves]
        numbers += [trace.server for trace in self.conversations or ()]
        return numbers + [wave.server for cell in cells for wave in cell.waves if waves]

    @property
    def plain_backend(self) -> Backend:
        """`cuda` of `cuda-2x`."""
        return plain_backend(self.backend)

    @property
    def failures(self) -> list[str]:
        """Why it failed, or which of its cells did: a sentence each."""
        if self.failure is not None:
            return [f"{self.failure.kind}: {self.failure.message}"]
        cells = [
            f"{cell.workload} at {cell.concurrency}: {cell.failure.kind}: {cell.failure.message}"
            for cell in self.cells
            if cell.failure is not None
        ]
        return cells + [
            f"{trace.conversation}: {trace.failure.kind}: {trace.failure.message}"
            for trace in self.conversations or ()
            if trace.failure is not None
        ]

    @property
    def measures(self) -> frozenset[Part]:
        """The parts that it was asked for."""
        return frozenset(self.parts or ("usual",))

    @property
    def file_stem(self) -> str:
        """`20261122T154500Z-<run_id>`, or `published-<run_id>` where no time is known."""
        when = self.started_at.strftime("%Y%m%dT%H%M%SZ") if self.started_at else self.provenance
        return f"{when}-{self.run_id}"

    @property
    def relative_path(self) -> str:
        """Below `content/benchmarks/runs/`; path and content must agree."""
        return f"{self.rig}/{self.backend}/{self.file_stem}.yaml"
