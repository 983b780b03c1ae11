"""llama-benchy's JSON: prefill and decode against a server, with the value of each repetition."""

from typing import Any

from bench_pipeline.importers.formats.figures import Figures, moment, part, streams, whole
from bench_pipeline.importers.rows import Foreign

PROGRAM = "llama-benchy"
_QUANTITIES = (
    ("pp_throughput", "prefill_tok_s"),
    ("tg_throughput", "decode_tok_s"),
    ("e2e_ttft", "ttft_ms"),
)


def read(value: dict[str, Any], place: str, file: str) -> Foreign | None:
    tests = value.get("benchmarks")
    if not isinstance(tests, list) or not any(
        isinstance(test, dict) and test.keys() & {"pp_throughput", "tg_throughput"}
        for test in tests
    ):
        return None
    figures = Figures()
    for test in tests:
        if not isinstance(test, dict):
            continue
        at_once = streams(test.get("concurrency"))
        for key, what in _QUANTITIES:
            said = part(test, key)
            values = said.get("values")
            if what == "decode_tok_s" and (at_once or 1) > 1:
                what = "aggregate_tok_s"  # its throughput is of all streams together
            figures.add(
                what,  # type: ignore[arg-type]
                said.get("mean"),
                statistic="mean",
                deviation=said.get("std"),
                n=len(values) if isinstance(values, list) and values else None,
                concurrency=at_once,
                prompt_tokens=whole(test.get("prompt_size")),
                output_tokens=whole(test.get("response_size")),
                depth_tokens=whole(test.get("context_size")),
                label="context loaded" if test.get("is_context_prefill_phase") else None,
            )
    return Foreign(
        program=PROGRAM,
        place=place,
        file=file,
        figures=tuple(figures.all),
        model_name=str(value.get("model") or ""),
        when=moment(value.get("timestamp")),
        note="Measured against a server, by a client whose requests it does not keep.",
    )
