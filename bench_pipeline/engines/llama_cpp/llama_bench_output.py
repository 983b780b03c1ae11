"""What llama-bench writes with `-o json` or `-o jsonl`, as checked rows.

Known from its source and its real output: builds from early 2024 (a flag for each backend
instead of `backends`, no `n_depth`) to b11434 (`devices`, `load_mode`, `lazy_mode`). A key that
is not named here is kept as a setting, so a build that adds one needs no change.
"""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from bench_pipeline.errors import RecordError
from bench_pipeline.records.server import BareTest
from bench_pipeline.records.yaml.strict import MAX_BYTES, printable

Tokens = Annotated[int, Field(strict=True, ge=0, lt=2**31)]
Nanoseconds = Annotated[int, Field(strict=True, gt=0, lt=10**16)]
"""Of one repetition: under four months."""

_FIRST, _NEVER = datetime(2023, 8, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""There was no llama-bench before; a clock that is wrong by less is its owner's matter."""

_MEASURED = {"n_prompt", "n_gen", "n_depth", "test_time", "samples_ns"}
_DERIVED = {"avg_ns", "stddev_ns", "avg_ts", "stddev_ts", "samples_ts"}
_BETWEEN = re.compile(r"[\s,\[\]]*")
"""What may stand between two tests; each test itself is checked."""


class BenchRow(BaseModel):
    """One test, with the build, the model, the machine and the settings it ran with."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    build_commit: str = ""
    build_number: Annotated[int, Field(strict=True, ge=0, lt=2**31)] = 0
    cpu_info: str = ""
    gpu_info: str = ""
    backends: str | None = None
    """Compiled in, which says nothing of where this test ran; None before late 2024."""
    model_filename: str = Field(min_length=1)
    model_type: str = ""
    model_size: Annotated[int, Field(strict=True, ge=0, lt=2**53)] = 0
    """Bytes of the weights: less than the file, which holds a vocabulary too."""
    model_n_params: Annotated[int, Field(strict=True, ge=0, lt=2**53)] = 0
    n_gpu_layers: Annotated[int, Field(strict=True, ge=-(2**31), lt=2**31)] = -1
    devices: str = "auto"
    n_prompt: Tokens
    n_gen: Tokens
    n_depth: Tokens = 0
    test_time: Annotated[AwareDatetime, Field(ge=_FIRST, lt=_NEVER)]
    """When the test began."""
    samples_ns: list[Nanoseconds] = Field(min_length=1)
    """Time of each repetition."""

    @property
    def settings(self) -> dict[str, Any]:
        """Everything in which this test could differ from another besides its shape."""
        return {
            key: value
            for key, value in self.model_dump(mode="json").items()
            if key not in _MEASURED | _DERIVED
        }

    @property
    def version_line(self) -> str:
        """As llama-bench ends its table."""
        return f"build: {self.build_commit or 'unknown'} ({self.build_number})"

    @property
    def test(self) -> BareTest:
        return BareTest(
            prompt_tokens=self.n_prompt,
            output_tokens=self.n_gen,
            depth_tokens=self.n_depth,
            times_ms=[ns / 1e6 for ns in self.samples_ns],
        )


def parse(text: str, where: Path, *, cut_off: bool = False) -> list[BareTest]:
    """The tests of `read_rows`, times in milliseconds."""
    return [row.test for row in read_rows(text, where, cut_off=cut_off)]


def read_rows(text: str, where: Path, *, cut_off: bool = False) -> list[BenchRow]:
    """Every test in `text`, which is a JSON list, or one JSON object after the other.

    RecordError names file and line of what is no test of llama-bench. With `cut_off` that is
    where the reading ends: a program that died in the midst of a line wrote whole ones before.
    """
    if len(text) > MAX_BYTES:
        raise _not_output(f"has {len(text) / 2**20:.1f} MiB", where)
    rows: list[BenchRow] = []
    place = _skip(text, 0)
    try:
        while place < len(text):
            row, end = _row_at(text, place, where)
            rows.append(row)
            place = _skip(text, end)
        if text.lstrip().startswith("[") and not text.rstrip().endswith("]"):
            raise _not_output("is cut off: the `]` at its end is missing", where, text, len(text))
    except RecordError:
        if not cut_off:
            raise
    if not rows and not cut_off:
        raise _not_output("holds no test", where)
    return rows


def _skip(text: str, place: int) -> int:
    between = _BETWEEN.match(text, place)
    return between.end() if between else place


def _row_at(text: str, place: int, where: Path) -> tuple[BenchRow, int]:
    try:
        found, end = _DECODER.raw_decode(text, place)
    except json.JSONDecodeError as error:
        raise _not_output(f"is no JSON: {error.msg}", where, text, error.pos) from None
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, 5,000 brackets
        raise _not_output(f"is no JSON: {error}", where, text, place) from None
    if not isinstance(found, dict):
        raise _not_output("holds something else than tests", where, text, place)
    try:
        row = BenchRow.model_validate(found)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        key = printable(".".join(map(str, fault["loc"])))
        raise _not_output(f"`{key}`: {fault['msg']}", where, text, place) from None
    if not row.n_prompt and not row.n_gen:
        raise _not_output("a test neither of prefill nor of decoding", where, text, place)
    return row, end


def _refuse_constant(name: str) -> None:
    raise ValueError(f"`{name}` is no number")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _not_output(
    problem: str, where: Path, text: str | None = None, place: int | None = None
) -> RecordError:
    line = "" if text is None or place is None else f":{text.count(chr(10), 0, place) + 1}"
    return RecordError(
        problem,
        mend="write it anew: `llama-bench ... -o jsonl > file`, without `2>&1`",
        where=f"{where}{line}",
    )
