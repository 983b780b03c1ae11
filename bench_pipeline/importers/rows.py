"""One test of llama-bench as people keep it: JSON, a line of CSV or SQL, a row of its table.

More is let through than what the program itself writes: numbers in quotes, a mean without its
samples, keys of forks. What would make another figure of it is not.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from bench_pipeline.importers.words import plain
from bench_pipeline.records.cell import PrintedFigure
from bench_pipeline.records.yaml.strict import printable

FIRST, NEVER = datetime(2023, 8, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""There was no llama-bench before; a clock that is wrong by less is its owner's matter."""

SETTINGS = frozenset(
    {
        *("n_batch", "n_ubatch", "n_threads", "cpu_mask", "cpu_strict", "poll", "numa", "prio"),
        *("type_k", "type_v", "n_gpu_layers", "n_cpu_moe", "split_mode", "main_gpu", "delay"),
        *("no_kv_offload", "flash_attn", "devices", "tensor_split", "tensor_buft_overrides"),
        *("use_mmap", "use_direct_io", "load_mode", "lazy_mode", "embeddings", "no_op_offload"),
        *("no_host", "f16_kv", "mul_mat_q", "low_vram", "rpc_servers", "backends", "no_warmup"),
        *("fit_target", "fit_min_ctx", "n_threads_batch"),
        # ik_llama.cpp's own
        *("mla_attn", "attn_max_batch", "ser", "repack", "fused_moe", "fused_up_gate"),
        *("graph_reuse", "k_cache_hadamard", "merge_qkv", "rope_cache", "grouped_expert_routing"),
        *("reuse", "mqkv", "muge", "defer_experts", "grouped_er", "no_fused_up_gate", "use_thp"),
        *("no_ooae", "rcache", "sas", "max_gpu", "cuda_params"),
        # a key for each backend, before `backends`
        *("cuda", "opencl", "clblast", "vulkan", "kompute", "metal", "sycl", "rpc", "gpu_blas"),
        "blas",
    }
)
"""Keys by which two tests of one shape are not the same. Any other key decides nothing."""

_OWN = {
    *("build_commit", "build_number", "cpu_info", "gpu_info", "model_filename", "model_type"),
    *("model_size", "model_n_params", "n_prompt", "n_gen", "n_depth", "test_time"),
    *("samples_ns", "samples_ts", "avg_ns", "stddev_ns", "avg_ts", "stddev_ts", "n_samples"),
}
_AFTER_A_PROMPT = re.compile(r"tg\d+@pp\d+")
"""ik_llama.cpp's label of decoding after a prompt whose time is not counted: our depth."""
_LOOKS = ("n_prompt", "n_gen")
_MAX_ALSO = 40


def _number(value: Any) -> Any:
    """`2.5e8` and `"512"` as whole numbers; anything else for validation to refuse."""
    if isinstance(value, str):
        try:
            value = float(value) if any(c in value for c in ".eE") else int(value, 10)
        except ValueError:
            return value
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_number), Field(ge=0, lt=2**53)]
Tokens = Annotated[int, BeforeValidator(_number), Field(ge=0, lt=2**31)]
Time = Annotated[float, Field(gt=0, lt=10**16)]
"""Nanoseconds of one repetition: under four months."""
Rate = Annotated[float, Field(gt=0, lt=10**9)]


def _text(value: Any) -> Any:
    return "" if value is None else value


Text = Annotated[str, BeforeValidator(_text)]


class Row(BaseModel):
    """A test: with what it ran, its shape, and its samples or at least their mean."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    build_commit: Text = ""
    build_number: Annotated[int, BeforeValidator(_number), Field(ge=0, lt=2**31)] = 0
    cpu_info: Text = ""
    gpu_info: Text = ""
    backends: str | None = None
    """Compiled in, which says nothing of where this test ran; None before late 2024."""
    model_filename: Text = ""
    model_type: Text = ""
    model_size: Whole = 0
    """Bytes of the weights: less than the file, which holds a vocabulary too."""
    model_n_params: Whole = 0
    n_gpu_layers: Annotated[int, BeforeValidator(_number), Field(ge=-(2**31), lt=2**31)] = -1
    devices: Text = "auto"
    n_prompt: Tokens
    n_gen: Tokens
    n_depth: Tokens = 0
    test_time: Annotated[AwareDatetime, Field(ge=FIRST, lt=NEVER)] | None = None
    """When the test began."""
    samples_ns: list[Time] = []
    samples_ts: list[Rate] = []
    avg_ts: Rate | None = None
    stddev_ts: Annotated[float, Field(ge=0, lt=10**9)] | None = None
    n_samples: Annotated[int, BeforeValidator(_number), Field(ge=1, lt=10**6)] | None = None

    @model_validator(mode="after")
    def _has_a_shape_and_a_figure(self) -> "Row":
        if not self.n_prompt and not self.n_gen:
            raise ValueError("a test neither of prefill nor of decoding")
        if not self.samples_ns and not self.samples_ts and self.avg_ts is None:
            raise ValueError("holds neither samples nor their mean")
        return self

    @model_validator(mode="after")
    def _mean_is_of_its_samples(self) -> "Row":
        if self.n_prompt and self.n_gen:
            return self  # forks differ in which of both kinds of tokens such a rate counts
        rates = [self.tokens / ns * 1e9 for ns in self.samples_ns] or self.samples_ts
        if self.avg_ts is not None and rates:
            least, most = min(rates), max(rates)
            if not least * 0.99 - 0.01 <= self.avg_ts <= most * 1.01 + 0.01:
                raise ValueError(
                    f"`avg_ts` of {self.avg_ts:g}, of samples from {least:g} to {most:g} tok/s"
                )
        return self

    @property
    def tokens(self) -> int:
        return self.n_prompt + self.n_gen

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.n_prompt, self.n_gen, self.n_depth

    @property
    def times_ms(self) -> list[float]:
        """One of each repetition; none where only a mean was kept."""
        if self.samples_ns:
            return [ns / 1e6 for ns in self.samples_ns]
        return [self.tokens / rate * 1e3 for rate in self.samples_ts]

    @property
    def settings(self) -> dict[str, str]:
        """In which it could differ from another test of its shape; written alike whoever kept
        it: `true`, `1` and `"1"` are one."""
        every = {**self.model_dump(mode="json"), **(self.model_extra or {})}
        set_here = self.model_fields_set | set(self.model_extra or {})
        return {
            key: plain(_as_text(every[key]), 300)
            for key in every
            if key in SETTINGS and key in set_here and every[key] is not None
        }

    @property
    def also(self) -> dict[str, str]:
        """Keys that nobody knows here."""
        unknown = {k: v for k, v in (self.model_extra or {}).items() if k not in SETTINGS | _OWN}
        shown = [(plain(key, 40), plain(_as_text(value), 200)) for key, value in unknown.items()]
        return {key: value for key, value in shown[:_MAX_ALSO] if key}


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str):
        return {"true": "1", "false": "0"}.get(value, value)
    return json.dumps(value)


@dataclass(frozen=True)
class Test:
    """A row and where it stands, for messages."""

    __test__ = False  # no test of pytest's

    row: Row
    place: str
    """File and line."""
    file: str
    """Name of the file, without its folder."""
    gpus_of_log: tuple[str, ...] = ()
    """Cards that the engine's own lines name right before a table, which has no place for them."""


@dataclass(frozen=True)
class Passed:
    """What was not taken, and why."""

    place: str
    why: str


@dataclass(frozen=True)
class Foreign:
    """A result of another program: its figures as printed, and what it says of its subject."""

    program: str
    place: str
    file: str
    figures: tuple[PrintedFigure, ...]
    model_name: str = ""
    when: datetime | None = None
    note: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    engine: str | None = None
    """Where the program says which engine answered."""


@dataclass
class Found:
    """All that a file holds."""

    tests: list[Test] = field(default_factory=list)
    foreign: list[Foreign] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)

    def add(self, other: "Found") -> None:
        self.tests += other.tests
        self.foreign += other.foreign
        self.passed += other.passed


def looks_like_a_test(found: Mapping[str, Any]) -> bool:
    return all(key in found for key in _LOOKS) and any(
        key in found for key in ("samples_ns", "avg_ns", "avg_ts", "samples_ts", "model_filename")
    )


def _as_llama_cpp_says_it(found: Mapping[str, Any]) -> dict[str, Any]:
    """With what ik_llama.cpp means by other keys, or by one key something else."""
    said = {key: value for key, value in found.items() if key}
    if "override_tensor" in said:
        said.setdefault("tensor_buft_overrides", said.pop("override_tensor") or "none")
    if said.get("cuda_params") == "":
        del said["cuda_params"]
    if _AFTER_A_PROMPT.fullmatch(str(said.get("test", ""))) and said.get("n_gen"):
        said |= {"n_depth": said.get("n_prompt", 0), "n_prompt": 0}
    return said


def row_of(found: Mapping[str, Any]) -> Row | str:
    """The test that `found` is, or why it is none."""
    try:
        return Row.model_validate(_as_llama_cpp_says_it(found))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        key = printable(".".join(map(str, fault["loc"])))
        message = fault["msg"].removeprefix("Value error, ")
        return f"`{key}`: {message}" if key else message
