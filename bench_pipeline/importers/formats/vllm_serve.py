"""`vllm bench serve --save-result`: one JSON object of what its client saw."""

from datetime import UTC, datetime
from typing import Any

from bench_pipeline.importers.formats.figures import Figures, streams, whole
from bench_pipeline.importers.rows import Foreign
from bench_pipeline.importers.words import plain

PROGRAM = "vLLM bench serve"
_TIMES = (("ttft", "ttft_ms"), ("itl", "itl_ms"), ("e2el", "latency_ms"))
_STATISTICS = ("mean", "median", "p90", "p95", "p99")


def read(value: dict[str, Any], place: str, file: str) -> Foreign | None:
    if "request_throughput" not in value or not value.keys() & {
        "output_throughput",
        "mean_ttft_ms",
    }:
        return None
    figures = Figures()
    rate = plain(str(value.get("request_rate", "unknown")), 20)
    done = whole(value.get("completed"))
    about: dict[str, Any] = {"concurrency": streams(value.get("max_concurrency")), "n": done}
    figures.add("aggregate_tok_s", value.get("output_throughput"), **about)
    figures.add("requests_per_s", value["request_throughput"], **about)
    figures.add("end_to_end_tok_s", value.get("total_token_throughput"), **about)
    for short, what in _TIMES:
        for statistic in _STATISTICS:
            figures.add(
                what,  # type: ignore[arg-type]
                value.get(f"{statistic}_{short}_ms"),
                statistic=statistic,  # type: ignore[arg-type]
                deviation=value.get(f"std_{short}_ms") if statistic == "mean" else None,
                **about,
            )
    if done:
        for key, what in (
            ("total_input_tokens", "prompt_tokens"),
            ("total_output_tokens", "output_tokens"),
        ):
            if (total := whole(value.get(key))) is not None:
                figures.add(what, total / done, statistic="mean", **about)  # type: ignore[arg-type]
    return Foreign(
        program=PROGRAM,
        place=place,
        file=file,
        figures=tuple(figures.all),
        model_name=str(value.get("model_id") or ""),
        when=_when(value.get("date")),
        note=f"Measured against a server at request rate {rate}.",
        engine=str(value.get("backend") or "") or None,
    )


def _when(date: Any) -> datetime | None:
    """`20260102-030405`, of a clock whose zone it does not say: only the day is sure."""
    try:
        when = datetime.strptime(str(date), "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return when if when.year >= 2023 else None
