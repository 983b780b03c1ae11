"""Figures from elsewhere that are no served ones: imported tests of the bare engine, and what
pages and other programs print. In a class of their own: filtered like the others, never ranked.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bench_pipeline.site import wording
from bench_pipeline.site.hardware import Hardware, hardware_of, rig_href
from bench_pipeline.site.source import Row, Tables
from bench_pipeline.site.tables.around import around
from bench_pipeline.site.tables.queueing import queues_said
from bench_pipeline.site.tables.rows import digest, file_name, model_href, run_href
from bench_pipeline.site.tables.settings_told import settings_told

ENGINE_ONLY, AS_PRINTED = "engine only", "as published"
_PRINTED = "printed-"
"""How the shape of a figure as printed begins."""

QUANTITIES = {
    "decode_tok_s": ("Decode", "tok/s"),
    "prefill_tok_s": ("Prefill", "tok/s"),
    "aggregate_tok_s": ("All streams together", "tok/s"),
    "end_to_end_tok_s": ("End to end", "tok/s"),
    "ttft_ms": ("TTFT", "ms"),
    "itl_ms": ("Gap between tokens", "ms"),
    "latency_ms": ("Latency of a request", "ms"),
    "requests_per_s": ("Requests", "per second"),
    "peak_memory_mib": ("Peak memory", "MiB"),
    "prompt_tokens": ("Prompt", "tokens"),
    "output_tokens": ("Answer", "tokens"),
    "bandwidth_gb_s": ("Memory bandwidth", "GB/s"),
    "compute_tflops": ("Arithmetic", "TFLOPS"),
    "power_w": ("Power", "W"),
}
"""What a printed figure is of, and its unit, in words."""


@dataclass(frozen=True)
class Speed:
    """One figure, and of what it is: `1,280.0`, `256 tokens after 2,048`, `median of 3`."""

    text: str
    of: str
    how: str
    value: float
    lo: float | None = None
    hi: float | None = None
    """Of the interval of a median."""
    shape: str = ""
    """The same for two figures that may stand side by side; empty for a range."""

    def title(self, kind: str) -> str:
        """`Prefill of 256 tokens`; in the words of its source, where that printed it."""
        return self.of if self.shape.startswith(_PRINTED) else f"{kind.capitalize()} of {self.of}"


@dataclass(frozen=True)
class EngineRow:
    """One configuration and set of settings, over all runs that hold figures of it."""

    id: str
    run_id: str
    """Of its newest run."""
    kind: str
    """ENGINE_ONLY or AS_PRINTED."""
    source_text: str
    """`imported` or `published`."""
    model: str
    name: str
    model_href: str
    family: str
    quant: str
    creator: str
    hardware: Hardware
    rig_href: str
    backend: str
    engine: str
    build: str
    build_number: int | None
    """On its engine's own count."""
    mode: str
    cap: str
    setup: str
    """The same for two builds of one configuration with the same settings."""
    settings: str
    """What tells it from others of its configuration; empty where nothing does."""
    spilled: str
    """Why part of it lay in the host's memory; empty where it did not."""
    prefill: tuple[Speed, ...]
    decode: tuple[Speed, ...]
    others: tuple[Speed, ...]
    queues: tuple[str, ...]
    """Which of them fit a queue and not streams at once, a sentence each."""
    href: str
    """Of its newest run."""

    @property
    def order(self) -> tuple[str, ...]:
        """By name and place, never by speed."""
        return self.name, self.hardware.rig_title, self.backend, self.build, self.id

    @property
    def comparable(self) -> Iterator[tuple[str, Speed]]:
        """Figures that can stand beside others of their shape, each with what it is of: `prefill`
        or `decode`."""
        for kind, speeds in (("prefill", self.prefill), ("decode", self.decode)):
            yield from ((kind, speed) for speed in speeds if speed.shape)

    @property
    def backend_name(self) -> str:
        return wording.backend_name(self.backend)


def engine_rows(tables: Tables) -> list[EngineRow]:
    """In order of model, rig, backend and build."""
    tests: dict[str, list[Row]] = defaultdict(list)
    for test in tables.bare_tests:
        tests[test["run_id"]].append(test)
    told = settings_told(tables.runs)
    queued = queues_said(tables)
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for run in sorted(tables.runs, key=_newest):
        if run["provenance"] == "measured" or not (tests[run["run_id"]] or run["printed_json"]):
            continue
        key = (run["model"], run["rig"], run["backend"], run["engine"], run["build"])
        groups[(*key, run["mode"], run["power_cap_w"], run["settings_json"])].append(run)
    named = _Names(tables)
    rows = [
        _row(runs, [test for run in runs for test in tests[run["run_id"]]], told, queued, named)
        for runs in groups.values()
    ]
    return sorted(rows, key=lambda row: row.order)


class _Names:
    """What a name needs to know of all runs."""

    def __init__(self, tables: Tables) -> None:
        self.titles = {rig["rig"]: rig["title"] for rig in tables.rigs}
        known = around(tables)
        self.devices, self.files = known.shared_devices, known.shared_names


def _newest(run: Row) -> str:
    return run["started_at"].isoformat() if run["started_at"] else ""


def _row(
    runs: list[Row],
    tests: list[Row],
    told: dict[str, str],
    queued: dict[str, tuple[str, ...]],
    named: _Names,
) -> EngineRow:
    run = runs[-1]
    printed = [figure for each in runs for figure in _printed(each)]
    cap = run["power_cap_w"]
    return EngineRow(
        id=f"engine-{runs[0]['run_id']}",
        run_id=run["run_id"],
        kind=ENGINE_ONLY if tests else AS_PRINTED,
        source_text=run["provenance"],
        model=run["model"],
        name=file_name(run, named.files),
        model_href=model_href(run["model"]),
        family=run["family"],
        quant=run["quant"],
        creator=run["creator"] or "",
        hardware=hardware_of(run, named.titles.get(run["rig"]) or run["rig"], named.devices),
        rig_href=rig_href(run["rig"]),
        backend=run["backend"],
        engine=run["engine"],
        build=run["build"],
        build_number=_build_number(run),
        mode=run["mode"],
        cap="" if cap is None else wording.trimmed(cap),
        setup=_setup(run),
        settings=told.get(run["run_id"], ""),
        spilled=(run["bare_memory_reason"] or "") if run["memory_verdict"] == "spilled" else "",
        prefill=_speeds(tests, "prefill") + _of(printed, "prefill_tok_s".__eq__),
        decode=_speeds(tests, "decode") + _of(printed, "decode_tok_s".__eq__),
        others=_of(printed, lambda what: what not in ("prefill_tok_s", "decode_tok_s")),
        queues=tuple(dict.fromkeys(q for each in runs for q in queued.get(each["run_id"], ()))),
        href=run_href(run["run_id"]),
    )


def _build_number(run: Row) -> int | None:
    """A fork's is no number of llama.cpp's: it counts for that fork alone."""
    own = run["build"].removeprefix("b")
    fork = run["engine"] != "llama.cpp" and own.isdecimal() and len(own) < 10
    return int(own) if fork else run["build_number"]


def _setup(run: Row) -> str:
    columns = ("model", "rig", "backend", "engine", "mode", "power_cap_w", "settings_json")
    return digest(*(run[column] for column in columns), run["source_url"], run["provenance"])


def _speeds(tests: Iterable[Row], kind: str) -> tuple[Speed, ...]:
    """Short before long, an empty context before a filled one."""
    own = [test for test in tests if test["kind"] == kind and test["tok_s"] is not None]
    length = "prompt_tokens" if kind == "prefill" else "output_tokens"
    own.sort(key=lambda test: (test["depth_tokens"], test[length], test["run_id"]))
    return tuple(
        Speed(
            wording.rate(test["tok_s"]),
            f"{test[length]:,} tokens"
            + (f" after {test['depth_tokens']:,}" if test["depth_tokens"] else ""),
            how_taken(test),
            test["tok_s"],
            test["tok_s_lo"],
            test["tok_s_hi"],
            f"engine-{test['depth_tokens']:09}-{test[length]:09}",
        )
        for test in own
    )


def how_taken(test: Row) -> str:
    """`median of 3, 1,267.3 – 1,292.9`; `mean ± 12.8, no samples`. `test`: of `bare_tests`."""
    if test["statistic"] == "mean":
        spread = "" if test["tok_s_sd"] is None else f" ± {wording.deviation(test['tok_s_sd'])}"
        of = f" of {test['n']}" if test["n"] else ""
        return f"mean{spread}{of}, no samples"
    places = wording.rate_places(test["tok_s"])
    interval = wording.span(test["tok_s_lo"], test["tok_s_hi"], places)
    return f"median of {test['n']}" + (f", {interval}" if interval else "")


def _printed(run: Row) -> list[dict[str, Any]]:
    return list(json.loads(run["printed_json"])["figures"]) if run["printed_json"] else []


def printed_rows(run: Row) -> tuple[Speed, ...]:
    """Every figure that a run, of table `runs`, has as printed."""
    return tuple(printed_speed(figure) for figure in _printed(run))


def _of(figures: Iterable[dict[str, Any]], wanted: Callable[[str], Any]) -> tuple[Speed, ...]:
    return tuple(printed_speed(figure) for figure in figures if wanted(figure["what"]) is True)


def printed_speed(figure: dict[str, Any]) -> Speed:
    """A figure of `Printed` in its own digits, with what its source says of it."""
    name, unit = QUANTITIES[figure["what"]]
    streams = figure.get("concurrency")
    said = (
        figure.get("label"),
        f"prompt of {figure['prompt_tokens']:,}" if figure.get("prompt_tokens") else None,
        f"answer of {figure['output_tokens']:,}" if figure.get("output_tokens") else None,
        f"after {figure['depth_tokens']:,}" if figure.get("depth_tokens") else None,
        wording.counted(streams, "stream") if streams else None,
        f"at {wording.trimmed(figure['power_cap_w'])} W" if figure.get("power_cap_w") else None,
    )
    spread = figure.get("deviation")
    statistic = figure.get("statistic")
    how = (statistic or "mean or median: not said") if figure.get("high") is None else "range"
    if spread is not None:
        how += f" ± {wording.deviation(spread)}"
    if figure.get("n"):
        how += f" of {figure['n']:,}"
    if figure["what"] in ("latency_ms", "ttft_ms") and _scaled(figure):
        text = wording.decimal(figure["value"])
    else:
        text = figure["printed"]
    words = ", ".join(filter(None, said))
    of = f"{name}: {words}" if words else name
    ranged = figure.get("high") is not None
    shape = "" if ranged else f"{_PRINTED}{digest(of, statistic)}"
    return Speed(f"{text} {unit}", of, how, figure["value"], shape=shape)


def _scaled(figure: dict[str, Any]) -> bool:
    """Whether the source prints it in another unit."""
    try:
        return float(figure["printed"]) != figure["value"]
    except ValueError:
        return False
