"""The columns of the tables of configurations: what they are called, and which can be hidden."""

from dataclasses import dataclass
from typing import Literal

from bench_pipeline.site import wording

METRICS = (
    *("prefill_tok_s", "ttft_ms", "joules_per_token", "ceiling_share", "throughput_tok_s"),
    *("memory_peak_mib", "tok_s_per_w"),
)
"""Columns of `measurements` that a row shows beside the decode rate, in this order."""
FOR_MONEY = "tok_s_per_price"
"""Shown after METRICS: the rate over the rig's price."""
BESIDE = (*METRICS, FOR_MONEY)


@dataclass(frozen=True)
class Column:
    name: str
    """In the address (`columns=prefill,ttft`), in class names and as the filter's field."""
    key: str
    """Its entry of DEFINITIONS."""
    kind: Literal["text", "number"] = "text"
    chosen: bool = True
    """Shown unless a visitor decides otherwise."""
    metric: str = ""
    """Of BESIDE; empty for a column that is the same for every workload."""


ALWAYS = (Column("variant", "variant"), Column("decode", "decode_tok_s", "number"))
OPTIONAL = (
    Column("quant", "quant"),
    Column("concurrency", "concurrency", "number"),
    Column("prefill", "prefill_tok_s", "number", metric="prefill_tok_s"),
    Column("ttft", "ttft_ms", "number", metric="ttft_ms"),
    Column("energy", "joules_per_token", "number", chosen=False, metric="joules_per_token"),
    Column("ceiling", "ceiling_share", "number", chosen=False, metric="ceiling_share"),
    Column("throughput", "throughput_tok_s", "number", chosen=False, metric="throughput_tok_s"),
    Column("memory", "memory_peak_mib", "number", chosen=False, metric="memory_peak_mib"),
    Column("efficiency", "tok_s_per_w", "number", chosen=False, metric="tok_s_per_w"),
    Column("money", FOR_MONEY, "number", chosen=False, metric=FOR_MONEY),
    Column("size", "size_bytes", "number", chosen=False),
    Column("fits", "fits", chosen=False),
    Column("context", "context_tokens", "number", chosen=False),
    Column("hardware", "rig"),
    Column("backend", "backend"),
    Column("mode", "mode"),
)
COLUMNS = ALWAYS + OPTIONAL

_PLACES = {"joules_per_token": 3, "tok_s_per_w": 2, FOR_MONEY: 3}


def metric_text(metric: str, low: float | None, high: float | None) -> str:
    """A range of a metric as the page writes it, one number where both ends read the same; a
    dash where either is unknown."""
    if metric == "ceiling_share":
        return wording.percent_span(low, high) or wording.DASH
    if metric == "memory_peak_mib":
        return wording.gib_span(low, high) or wording.DASH
    return wording.span(low, high, _PLACES.get(metric, 1)) or wording.DASH
