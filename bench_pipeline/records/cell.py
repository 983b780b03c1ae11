"""What is measured within a run: requests, waves, cells, and curves over the prompt's length.

Times are milliseconds from the start of their cell's measured window on the client's monotonic
clock.
"""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bench_pipeline.records.base import (
    MOST_ITEMS,
    MOST_SAMPLES,
    Count,
    Finite,
    NonNegative,
    Positive,
    Record,
    Slug,
    Streams,
)
from bench_pipeline.records.table import Table

FailureKind = Literal[
    "oom",
    "load",
    "hang",
    "crash",
    "timeout",
    "contaminated",
    "spilled",
    "miscounted",
    "unclocked",
    "refused",
]
StopReason = Literal["converged", "repetitions", "budget", "failed"]
"""converged: the interval is narrow enough; repetitions: the profile's fixed or maximum
count; budget: the cell's time was used up first; failed: see the cell's failure."""


class Failure(Record):
    """Why a run or a cell ended."""

    kind: FailureKind
    """`contaminated`: cached tokens where none may be, or another program computed on the GPU;
    `spilled`: the model left the device; `miscounted`: client and server disagree on what was
    done; `unclocked`: the client read too late for its times to be believed; `refused`: it could
    not have been measured honestly (fewer slots than streams, a mode without effect, vocabularies
    that differ)."""
    message: str
    """One sentence."""
    log_tail: list[str] = Field(default=[], max_length=MOST_ITEMS)
    """The engine's last lines, paths removed."""


class Request(Record):
    """One streamed completion. What its engine cannot tell is None, and in no figure: which that
    may be, the run's `engine.untold` says."""

    wave: Count
    """Which repetition it belongs to, from 0."""
    stream: Count
    """Which of the wave's streams it is, from 0."""
    sent_at_ms: NonNegative
    """From the start of the cell's window."""
    prompt_tokens: Count
    """As the server counts them, template included."""
    cached_tokens: Count | None = None
    """Of them not computed; 0 in a cold cell. None: the engine does not tell."""
    output_tokens: Count
    """As the server counts them, reasoning included."""
    received_tokens: Count
    """Tokens between the first and the last of which `decode_ms` is: those whose arrival the client
    stamped, by the counter on each event, or all up to the finish, where only ends are known."""
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
    server_prompt_ms: NonNegative | None = None
    """Server: prompt processing, queueing excluded. None: the engine has no clock of its own."""
    server_decode_ms: NonNegative | None = None
    """Server: first to last token, by its own clock; where the text ended by itself (`stop`), to
    its end, which is a token computed and not counted. None: it has no clock of its own."""
    itl_p50_ms: NonNegative | None = None
    """Client: median gap between tokens. None, as all of them: several tokens came as one, and when
    each did nobody knows."""
    itl_p95_ms: NonNegative | None = None
    """95 % of the gaps are shorter."""
    itl_p99_ms: NonNegative | None = None
    """99 % of the gaps are shorter."""
    itl_max_ms: NonNegative | None = None
    """The longest gap."""
    shared_reads: Count | None = None
    """Events with tokens that the client found in one read with another which the server had not
    made at once: it came late to read. None: nobody looked."""
    server_itl_p99_ms: NonNegative | None = None
    """Server: the same as `itl_p99_ms` by the time that it puts on each event; far below ours,
    the events came late."""
    draft_tokens: Count | None = None
    """Speculative decoding: tokens that the draft model proposed."""
    draft_accepted: Count | None = None
    """Of them accepted by the model itself."""
    finish_reason: str
    """As the server gives it; `length` is the rule."""

    @model_validator(mode="after")
    def _cache_is_part_of_the_prompt(self) -> Self:
        if (self.cached_tokens or 0) > self.prompt_tokens:
            raise ValueError("more tokens were `cached_tokens` than the prompt has")
        return self


class Wave(Record):
    """All streams of a cell started together; the unit of repetition, but in a session, where the
    starts of the server are."""

    wave: Count
    """From 0."""
    all_busy_ms: NonNegative
    """From the last stream's first token to the first stream's last token."""
    all_busy_tokens: Count | None = None
    """Tokens that arrived from all streams within it, the one opening it excluded. None: of one of
    them nobody knows when each token came."""
    server_queue_ms: NonNegative | None = None
    """Server: until a request was begun, the mean of all of the wave. None, as the two below: its
    requests tell their times themselves, or the engine has no counters."""
    server_prompt_ms: NonNegative | None = None
    """Server: from then until its first token, the mean of all, by its counters."""
    server_decode_ms: NonNegative | None = None
    """Server: from its first token to its last, the mean of all, by its counters."""
    server: Count | None = None
    """Which of the run's `servers` answered, where a cell had several: in a session each block of
    waves has a start of its own."""


class Telemetry(Record):
    """One device over exactly the measured window (warm-up excluded)."""

    device: str
    """As the engine names it; `package-0` for a processor's own counter."""
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
    temperature_max_c: Finite | None = None
    """Highest sample."""
    throttle_reasons: list[str] | None = None
    """Why the device held its clocks back, if it did; None: its driver does not tell."""
    covers: Literal["package"] | None = None
    """`package`: power and energy are of a chip with CPU and GPU, both together."""
    samples: Count
    """How often it was read."""
    interval_ms: Positive | None = None
    """Between two readings: as often as the driver was found to renew its values."""
    complete: bool
    """No gap over twice the sampling interval and every field read each time."""


Requests = Annotated[
    list[Request],
    Field(max_length=MOST_SAMPLES),
    Table(
        key=("wave", "stream"),
        rising=(
            ("itl_p50_ms", "itl_p95_ms", "itl_p99_ms", "itl_max_ms"),
            ("ttft_ms", "end_to_end_ms"),
            ("decode_ms", "end_to_end_ms"),
        ),
    ),
]
Waves = Annotated[list[Wave], Field(max_length=MOST_SAMPLES), Table(key=("wave",))]
Devices = Annotated[list[Telemetry], Field(max_length=MOST_ITEMS), Table(key=("device",))]


class Published(Record):
    """A figure as printed elsewhere: no samples stand behind it."""

    decode_tok_s: Positive
    """Tokens per second of one stream, as printed."""


Quantity = Literal[
    "decode_tok_s",
    "prefill_tok_s",
    "aggregate_tok_s",
    "end_to_end_tok_s",
    "ttft_ms",
    "itl_ms",
    "latency_ms",
    "requests_per_s",
    "peak_memory_mib",
    "prompt_tokens",
    "output_tokens",
    "bandwidth_gb_s",
    "compute_tflops",
    "power_w",
]
"""What a printed figure is of, with its unit."""

Statistic = Literal["mean", "median", "p90", "p95", "p99", "min", "max", "range"]


class PrintedFigure(Record):
    """One figure, as printed."""

    number: Count
    """Its place in the source, from 0."""
    what: Quantity
    """What it is of."""
    value: NonNegative
    """The number; of a range its lower end."""
    high: NonNegative | None = None
    """Of a range: its upper end."""
    printed: str
    """As it stands there, letter by letter."""
    statistic: Statistic | None = None
    """What the source says that it is. None: it does not say."""
    deviation: NonNegative | None = None
    """Standard deviation that stands beside it."""
    n: Count | None = None
    """Repetitions behind it, as said there."""
    label: str | None = None
    """What was measured, in the source's own words: `chat`, `tg_512`, `mixed_4096_256`."""
    concurrency: Annotated[int, Field(ge=1)] | None = None
    """Streams at once."""
    prompt_tokens: Count | None = None
    """Of each prompt, where the source says so."""
    output_tokens: Count | None = None
    """Of each answer, where the source says so."""
    depth_tokens: Count | None = None
    """Context filled before, where the source says so."""
    power_cap_w: Annotated[float, Field(gt=0)] | None = None
    """The cap under which it was measured, where the source says so."""


class Printed(Record):
    """Everything that a source prints and no cell of a run can hold."""

    program: str | None = None
    """The program that printed it; None: a page."""
    seen_on: date | None = None
    """Day on which somebody read it there."""
    cards: str | None = None
    """Which cards computed, in the source's own words."""
    figures: Annotated[list[PrintedFigure], Table(key=("number",))] = Field(min_length=1)
    """All of them, in the order of the source."""


class Cell(Record):
    """One workload at one concurrency."""

    workload: Slug
    """Slug of the workload."""
    concurrency: Streams
    """Streams at once."""
    server: Count | None = None
    """Which of the run's `servers` answered, from 0, the first of them in a session; None in a
    published run."""
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
    warmups: Requests = []
    """Thrown away: in no figure."""
    requests: Requests = []
    """Every measured request."""
    waves: Waves = []
    """Every measured wave."""
    telemetry: Devices = []
    """One entry per device that computed."""
    others_cpu_fraction: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of all cores that other programs than server and client used within the window."""
    published: Published | None = None
    """Instead of requests, in a published run."""

    @model_validator(mode="after")
    def _failed_says_why(self) -> Self:
        if (self.status == "failed") != (self.failure is not None):
            raise ValueError("a failed cell, and only that, has a `failure`")
        return self


class CurvePoint(Record):
    """One stream at one prompt length, each prompt sent twice: cold, then with its KV cache.

    The cold request gives prefill at this length and decode at this depth; the cached one the
    time to first token of a conversation that goes on.
    """

    depth_tokens: Count
    """Length that the prompt was to have: the context already filled when decoding begins."""
    server: Count
    """Which of the run's `servers` answered, from 0."""
    status: Literal["ok", "failed"] = "ok"
    """A failed point is a result too."""
    failure: Failure | None = None
    """Of a failed point."""
    stop_reason: StopReason | None = None
    """Why no more was measured."""
    output_tokens_budget: Count
    """Tokens that each reply was to have."""
    window_ms: NonNegative | None = None
    """Length of the measured window, warm-up excluded."""
    warmups: Requests = []
    """Thrown away: in no figure."""
    cold: Requests = []
    """Nothing cached. The wave number counts repetitions."""
    cached: Requests = []
    """The same prompts again, right after, with prompt caching on; `cached_tokens` says how much
    of it the engine really reused."""
    telemetry: Devices = []
    """Over the window of both."""

    @model_validator(mode="after")
    def _failed_says_why(self) -> Self:
        if (self.status == "failed") != (self.failure is not None):
            raise ValueError("a failed point, and only that, has a `failure`")
        return self
