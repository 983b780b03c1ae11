"""Figures as somebody else's page or program gives them: no request stands behind them."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from bench_pipeline.records.base import Count, NonNegative, Record
from bench_pipeline.records.table import Table

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
