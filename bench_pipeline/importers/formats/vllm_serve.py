"""`vllm bench serve`, and SGLang's `bench_serving` that came from it: what its client saw, as one
JSON object or as the report that it prints."""

import re
from datetime import UTC, datetime
from typing import Any

from bench_pipeline.importers.formats.figures import Figures, streams, whole
from bench_pipeline.importers.rows import Foreign, Found
from bench_pipeline.importers.words import plain

PROGRAM, SGLANG = "vLLM bench serve", "SGLang bench_serving"
_TIMES = (
    ("ttft", "ttft_ms"),
    ("itl", "itl_ms"),
    ("e2el", "latency_ms"),
    ("e2e_latency", "latency_ms"),
)
_REPORT = re.compile(
    r"^=+ *Serving Benchmark Result *=+[ ]*$\n(?P<lines>(?:.*\n)*?)=+\s*$", re.MULTILINE
)
_LINE = re.compile(r"^\s*(?P<label>\w[^:]*):\s+(?P<value>\S+)\s*$", re.MULTILINE)
_LABELS = {
    "backend": "backend",
    "traffic request rate": "request_rate",
    "request rate configured (rps)": "request_rate",
    "successful requests": "completed",
    "maximum request concurrency": "max_concurrency",
    "max request concurrency": "max_concurrency",
    "total input tokens": "total_input_tokens",
    "total generated tokens": "total_output_tokens",
    "request throughput (req/s)": "request_throughput",
    "output token throughput (tok/s)": "output_throughput",
    "total token throughput (tok/s)": "total_token_throughput",
}
_TIME = re.compile(
    r"(?P<statistic>mean|median|p90|p95|p99) (?P<what>ttft|itl|e2el|e2e latency) \(ms\)"
)
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
    total_rate = value.get("total_token_throughput", value.get("total_throughput"))
    figures.add("end_to_end_tok_s", total_rate, **about)
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
    of_sglang = str(value.get("backend")).startswith("sglang") or "mean_e2e_latency_ms" in value
    return Foreign(
        program=SGLANG if of_sglang else PROGRAM,
        place=place,
        file=file,
        figures=tuple(figures.all),
        model_name=str(value.get("model_id") or ""),
        when=_when(value.get("date")),
        note=f"Measured against a server at request rate {rate}.",
        engine=_engine(value),
    )


def _engine(value: dict[str, Any]) -> str | None:
    """`backend` names the engine, or only the protocol by which it was asked."""
    said = str(value.get("backend") or value.get("endpoint_type") or "").lower()
    if said in ("", "none") or said.startswith("openai"):
        return None
    return re.sub(r"-(?:oai|oai-chat|chat|native)$", "", said)


def reports(text: str, where: str, file: str) -> Found:
    """Every whole report in a text, of either program."""
    found, text = Found(), text.replace("\r\n", "\n")
    for report in _REPORT.finditer(text):
        value: dict[str, Any] = {}
        for line in _LINE.finditer(report["lines"]):
            label = line["label"].strip().lower()
            if time := _TIME.fullmatch(label):
                value[f"{time['statistic']}_{time['what'].replace(' ', '_')}_ms"] = line["value"]
            elif label in _LABELS:
                value[_LABELS[label]] = line["value"]
        place = f"{where}:{text.count(chr(10), 0, report.start()) + 1}"
        if (foreign := read(value, place, file)) is not None:
            found.foreign.append(foreign)
    return found


def _when(date: Any) -> datetime | None:
    """`20260102-030405`, of a clock whose zone it does not say: only the day is sure."""
    try:
        when = datetime.strptime(str(date), "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return when if when.year >= 2023 else None
