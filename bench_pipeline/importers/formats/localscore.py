"""LocalScore's JSON: prefill and decode of nine shapes, TTFT and power, by llamafile."""

from typing import Any

from bench_pipeline.importers.formats.figures import Figures, part, whole
from bench_pipeline.importers.rows import Foreign
from bench_pipeline.importers.words import plain

PROGRAM = "LocalScore"
_QUANTITIES: tuple[tuple[str, Any], ...] = (
    ("prompt_tps", "prefill_tok_s"),
    ("gen_tps", "decode_tok_s"),
    ("ttft_ms", "ttft_ms"),
    ("power_watts", "power_w"),
)


def read(value: dict[str, Any], place: str, file: str) -> Foreign | None:
    tests = value.get("results")
    if not isinstance(tests, list) or not any(
        isinstance(test, dict) and test.keys() & {"prompt_tps", "gen_tps"} for test in tests
    ):
        return None
    figures = Figures()
    for test in tests:
        if not isinstance(test, dict):
            continue
        label = plain(str(test.get("name") or ""), 40) or None
        for key, what in _QUANTITIES:
            figures.add(
                what,
                test.get(key),
                statistic="mean",
                label=label,
                concurrency=1,
                prompt_tokens=whole(test.get("n_prompt")),
                output_tokens=whole(test.get("n_gen")),
            )
    runtime = part(value, "runtime_info")
    return Foreign(
        program=PROGRAM,
        place=place,
        file=file,
        figures=tuple(figures.all),
        model_name=str(part(value, "model_info").get("name") or ""),
        note="No server: prefill and decode of one request each.",
        engine=plain(str(runtime.get("name") or "llamafile"), 40),
    )
