"""A run's cells as rows: every figure with what disturbed it, and what the device did meanwhile."""

from dataclasses import dataclass

from bench_pipeline.site import wording
from bench_pipeline.site.charts.curves import Value
from bench_pipeline.site.source import Row
from bench_pipeline.site.tables.rows import cell_anchor, why_unlisted

METRICS = (
    "decode_tok_s",
    "prefill_tok_s",
    "throughput_tok_s",
    "aggregate_tok_s",
    "ttft_ms",
    "first_visible_ms",
    "queue_ms",
    "itl_p99_ms",
    "joules_per_token",
    "reasoning_tokens",
    "draft_acceptance",
    "ceiling_share",
)
"""Columns of a run's table, in this order; one without any figure is left out, as are hidden
tokens and the time to the first visible one where no cell hides any."""

PACKAGE = " (CPU and GPU in one package)"
"""What is said of power and energy that are of both."""

SHARES = ("draft_acceptance", "ceiling_share")
"""Metrics that are written in percent."""

PLACES = {"joules_per_token": 3}
"""Decimals of a metric that one decimal would round to nothing."""


@dataclass(frozen=True)
class CellRow:
    id: str
    workload: str
    concurrency: int
    n: int | None
    outliers: str
    """Of the repetitions: `1 outlier`."""
    values: tuple[Value, ...]
    """In the order of the run's `metrics`."""
    stop_reason: str
    verdict: str
    """`listed`, or why the front page does not show this cell."""
    flags: tuple[str, ...]
    """What disturbed it, with the figures."""
    limit: str
    """What held it back as intended: `held at its power cap`."""
    failure: str
    """The engine's or harness's own words."""


@dataclass(frozen=True)
class TelemetryRow:
    """One device over one cell's measured window; a dash for what it does not tell."""

    workload: str
    concurrency: int
    device: str
    power: Value
    """W: mean, and under it the highest sample."""
    energy: Value
    """J, and under it where they were read."""
    clock: Value
    """MHz of the core: median, and under it the lowest sample."""
    temperature: str
    """Highest, in degrees Celsius."""
    throttled: str
    samples: Value
    """Their number, and under it their interval."""


def metrics_of(cells: list[Row]) -> tuple[str, ...]:
    return tuple(metric for metric in METRICS if any(_has(cell, metric) for cell in cells))


def cell_row(cell: Row, metrics: tuple[str, ...], title: str, listed: bool) -> CellRow:
    """`cell`: of `measurements`; `title`: its workload's; `listed`: whether the tables show it."""
    return CellRow(
        id=cell_anchor(cell["workload"], cell["concurrency"]),
        workload=title,
        concurrency=cell["concurrency"],
        n=cell["n"],
        outliers=wording.counted(cell["outliers"], "outlier") if cell["outliers"] else "",
        values=tuple(_value(cell, metric) for metric in metrics),
        stop_reason=wording.STOPS.get(cell["stop_reason"], ""),
        verdict="listed" if listed else why_unlisted(cell) or "another run of this cell is listed",
        flags=_flags(cell),
        limit="held at its power cap" if _only_capped(cell) else "",
        failure=cell["failure_message"] or "",
    )


def telemetry_row(device: Row, title: str) -> TelemetryRow:
    """`device`: of `telemetry`."""
    sources = {"counter": "its own counter", "integrated-power": "summed from power"}
    interval_ms = device["interval_ms"]
    samples = f"every {wording.trimmed(interval_ms)} ms" if interval_ms else ""
    if not device["complete"]:
        samples = ", ".join(filter(None, (samples, "with gaps")))
    return TelemetryRow(
        workload=title,
        concurrency=device["concurrency"],
        device=device["device"] + (PACKAGE if device["covers"] == "package" else ""),
        power=Value(
            wording.decimal(device["power_mean_w"]),
            _under(device["power_max_w"], "at most {:.1f}"),
        ),
        energy=Value(
            wording.decimal(device["energy_j"]), sources.get(device["energy_from"] or "", "")
        ),
        clock=Value(
            wording.decimal(device["core_clock_median_mhz"], 0),
            _under(device["core_clock_min_mhz"], "at least {:.0f}"),
        ),
        temperature=wording.decimal(device["temperature_max_c"], 0),
        throttled=_throttled(device["throttle_reasons"]),
        samples=Value(str(device["samples"]), samples),
    )


def _throttled(reasons: list[str] | None) -> str:
    return "unknown" if reasons is None else wording.listed(reasons) or "no"


def _under(value: float | None, words: str) -> str:
    return "" if value is None else words.format(value)


def _has(cell: Row, metric: str) -> bool:
    """Whether this cell is a reason to have that column."""
    if metric == "first_visible_ms":
        return cell[metric] is not None and cell[metric] != cell["ttft_ms"]
    return bool(cell[metric]) if metric == "reasoning_tokens" else cell[metric] is not None


def _only_capped(cell: Row) -> bool:
    return bool(cell["throttle_reasons"]) and "throttled" not in cell["flags"]


def _flags(cell: Row) -> tuple[str, ...]:
    """Those of this cell; what concerns the whole run stands above its table."""
    notes = []
    if "throttled" in cell["flags"]:
        notes.append(f"throttled: {wording.listed(cell['throttle_reasons'])}")
    if "others-cpu" in cell["flags"]:
        share = wording.percent(cell["others_cpu_fraction"])
        notes.append(f"other programs used {share} of the CPU")
    if "drifted-within" in cell["flags"]:
        change = (cell["cell_drift"] - 1) * 100
        pace = "faster" if change > 0 else "slower"
        notes.append(f"ended {abs(change):.1f} % {pace} than it began")
    for flag in ("one-clock", "own-length", "queued"):
        if flag in cell["flags"]:
            notes.append(wording.FLAGS[flag])
    return tuple(notes)


def _value(cell: Row, metric: str) -> Value:
    if metric in SHARES:
        return Value(wording.percent(cell[metric]))
    places = PLACES.get(metric, 1)
    ends = cell.get(f"{metric}_lo"), cell.get(f"{metric}_hi")
    return Value(wording.decimal(cell[metric], places), wording.span(*ends, places))
