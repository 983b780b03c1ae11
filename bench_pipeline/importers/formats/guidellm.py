"""GuideLLM's JSON report: distributions over requests, by strategy."""

from typing import Any

from bench_pipeline.importers.formats.figures import Figures, part, streams, whole
from bench_pipeline.importers.rows import Foreign
from bench_pipeline.importers.words import plain

PROGRAM = "GuideLLM"
_QUANTITIES: tuple[tuple[str, Any, float], ...] = (
    ("time_to_first_token_ms", "ttft_ms", 1),
    ("inter_token_latency_ms", "itl_ms", 1),
    ("request_latency", "latency_ms", 1000),
    ("output_tokens_per_second", "aggregate_tok_s", 1),
    ("tokens_per_second", "end_to_end_tok_s", 1),
    ("requests_per_second", "requests_per_s", 1),
    ("prompt_token_count", "prompt_tokens", 1),
    ("output_token_count", "output_tokens", 1),
)


def read(value: dict[str, Any], place: str, file: str) -> Foreign | None:
    tests = value.get("benchmarks")
    if not isinstance(tests, list) or not any(part(test, "metrics") for test in tests):
        return None
    figures, model = Figures(), ""
    for test in tests:
        metrics = part(test, "metrics")
        model = model or _model(test)
        at_once = _streams(test, metrics)
        label = _strategy(test)
        for key, what, factor in _QUANTITIES:
            said = part(metrics, key, "successful") or part(metrics, key)
            for statistic in ("mean", "median"):
                figures.add(
                    what,
                    said.get(statistic),
                    statistic=statistic,  # type: ignore[arg-type]
                    deviation=said.get("std_dev") if statistic == "mean" else None,
                    factor=factor,
                    n=whole(said.get("count")),
                    concurrency=at_once,
                    label=label,
                )
    return Foreign(
        program=PROGRAM,
        place=place,
        file=file,
        figures=tuple(figures.all),
        model_name=model or _model(value),
        note="Measured against a server; its requests are not taken.",
    )


def _model(value: Any) -> str:
    for keys in (("args",), ("backend",), ("worker",), ("benchmarker", "backend")):
        holder = part(value, *keys)
        for name in ("model", "backend_model"):
            if isinstance(holder.get(name), str):
                return str(holder[name])
    return ""


def _strategy(test: Any) -> str | None:
    for keys in (("args", "strategy"), ("config", "strategy"), ("scheduler", "strategy")):
        if kind := part(test, *keys).get("type_"):
            return plain(str(kind), 40)
    return None


def _streams(test: Any, metrics: Any) -> int | None:
    for keys in (("args", "strategy"), ("config", "strategy"), ("scheduler", "strategy")):
        strategy = part(test, *keys)
        if strategy.get("type_") == "synchronous":
            return 1
        if found := streams(strategy.get("streams") or strategy.get("max_concurrency")):
            return found
    del metrics  # its own concurrency is a mean over time, and no number of streams
    return None
