"""The engine's servers within a run, where the model lay in each, and what the machine allows."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from bench_pipeline.records.base import (
    MOST_ITEMS,
    MOST_SAMPLES,
    Count,
    NonNegative,
    Positive,
    Record,
    UtcTime,
)
from bench_pipeline.records.cell import Failure

_DEVICE = ("--device", "-dev")
_SPLIT_MODE = ("--split-mode", "-sm")
_MAIN_GPU = ("--main-gpu", "-mg")


def devices_of_command(argv: Sequence[str]) -> list[str]:
    """The devices that share the model by llama-server's command, as the engine names them: of
    several under `--split-mode none` only the one that `--main-gpu` numbers; none where no
    `--device` is given, or it is `none`. Of an option given twice the last one counts."""
    named = _last(argv, _DEVICE)
    devices = [] if named in (None, "none") else str(named).split(",")
    if _last(argv, _SPLIT_MODE) != "none" or len(devices) < 2:
        return devices
    number = _last(argv, _MAIN_GPU) or "0"
    return [devices[int(number)]] if number.isdecimal() and int(number) < len(devices) else []


def _last(argv: Sequence[str], option: tuple[str, str]) -> str | None:
    places = [place for place, word in enumerate(argv[:-1]) if word in option]
    return argv[places[-1] + 1] if places else None


class Buffer(Record):
    """One line of the engine's log on memory."""

    device: str
    """`CPU`, `CUDA0`, `Vulkan0`, `CPU_Mapped`, `AMX`, ..."""
    holds: Literal["weights", "kv", "compute", "output"]
    """What lies in it."""
    mib: NonNegative
    """Its size."""
    of: Literal["model", "draft"] = "model"
    """Whose: the model's, or that of the small one which drafts for it."""


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

    verdict: Literal["fits", "placed", "spilled", "unverified"]
    """`placed`: part of it lies off the device, as the rig's file asks; `spilled`: part of it left
    the device unasked; `unverified`: could not be told."""
    reason: str
    """One sentence with the figures behind the verdict."""
    layers_offloaded: Count | None = None
    """Layers on the device, by the engine's log."""
    layers_total: Count | None = None
    """Of so many."""
    buffers: list[Buffer] = Field(default=[], max_length=MOST_ITEMS)
    """What the engine's log says it put where."""
    unused_mib: NonNegative | None = None
    """Of the model's file, what the server ignores: a layer that only drafts (MTP), as a rule."""
    devices: list[DeviceMemory] = Field(default=[], max_length=MOST_ITEMS)
    """What driver and kernel say was used."""


class CacheProbe(Record):
    """What an engine that does not say how much of a prompt it had in a cache gave away at its
    start: fresh prompts, each sent twice, one stream."""

    prompt_tokens: Count
    """Of each, as the longest workload has."""
    fresh_ms: list[Positive] = Field(max_length=MOST_ITEMS)
    """Client: time to first token of each prompt when it was new."""
    repeat_ms: list[Positive] = Field(max_length=MOST_ITEMS)
    """The same when it was sent again."""
    caches: bool
    """Most repeats were answered sooner by a fifth or more: it keeps prompts."""


class Server(Record):
    """One start of llama-server. Each concurrency has one of its own, with as many slots."""

    argv: list[str] = Field(default=[], max_length=MOST_ITEMS)
    """The full command; binary and model by file name, so that no private path is published."""
    slots: Count | None = None
    """Proven by the server's own `/props`."""
    context_tokens_per_slot: Count | None = None
    """Context that one stream has."""
    load_ms: NonNegative | None = None
    """From its start until it answered, the engine's own warm-up included."""
    log_proof: list[str] = Field(default=[], max_length=MOST_ITEMS)
    """The log lines that prove backend, devices, layers and buffers."""
    memory: MemoryProof | None = None
    """Where the model lay; None if it never came to that."""
    cache_probe: CacheProbe | None = None
    """Of an engine that does not report cached tokens. None: it does, or its counters do."""
    failure: Failure | None = None
    """Why it did not start, or ended before it should."""


class BareTest(Record):
    """One test of the engine's own benchmark, without a server: prefill or decode."""

    prompt_tokens: Count
    """Tokens processed at once; 0 in a test of decoding."""
    output_tokens: Count
    """Tokens decoded one by one; 0 in a test of prefill."""
    depth_tokens: Count = 0
    """Context already filled before."""
    times_ms: list[Positive] = Field(default=[], max_length=MOST_SAMPLES)
    """One of each repetition."""
    mean_tok_s: Positive | None = None
    """Instead of times, in an imported run whose file kept none: the mean over repetitions."""
    sd_tok_s: NonNegative | None = None
    """Of the repetitions behind `mean_tok_s`: their standard deviation."""
    repetitions: Count | None = None
    """How many stand behind `mean_tok_s`. None: the file does not say."""
    began_at: UtcTime | None = None
    """Of an imported test: when it began."""
    also: dict[str, str] | None = None
    """Of an imported test: keys of its file that nobody knows here, as they are. They decide
    nothing."""

    @model_validator(mode="after")
    def _times_or_their_mean(self) -> Self:
        if self.times_ms and self.mean_tok_s is not None:
            raise ValueError("a test has `times_ms` or their `mean_tok_s`, not both")
        if self.mean_tok_s is None and (self.sd_tok_s is not None or self.repetitions is not None):
            raise ValueError("`sd_tok_s` and `repetitions` belong to a `mean_tok_s`")
        return self


class BareEngine(Record):
    """`llama-bench` of the same build with the same model: what the server's cost is against."""

    version_line: str | None = None
    """Build and commit as it prints them."""
    argv: list[str] = Field(default=[], max_length=MOST_ITEMS)
    """The full command; binary and model by file name."""
    tests: list[BareTest] = Field(default=[], max_length=MOST_ITEMS)
    """What it measured."""
    failure: Failure | None = None
    """Why it measured nothing, or not all."""
    settings: dict[str, str] | None = None
    """Of an imported run: what the program was set to, by its own names. Runs that differ in one
    are told apart."""
    memory: MemoryProof | None = None
    """Of an imported run: where the model lay by these settings; nobody looked."""


class Bandwidth(Record):
    """How fast memory can be read: the ceiling of decoding, which reads all weights per token."""

    device: str
    """As the engine names it, or `host`."""
    bytes_per_s: Positive
    """Reading."""
    source: Literal["theoretical", "measured"]
    """`theoretical`: clock and bus width; `measured`: a copy loop of our own."""
    how: str
    """One sentence with the figures behind it."""
