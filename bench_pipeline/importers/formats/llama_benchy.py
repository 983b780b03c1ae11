"""llama-benchy: prefill and decode against a server. Its JSON has the value of each repetition, the
table that it prints by default a mean and a deviation."""

import re
from collections.abc import Sequence
from typing import Any

from bench_pipeline.importers.formats.columns import speed
from bench_pipeline.importers.formats.figures import Figures, moment, part, streams, whole
from bench_pipeline.importers.rows import Foreign
from bench_pipeline.records.cell import Quantity

PROGRAM = "llama-benchy"
_QUANTITIES = (
    ("pp_throughput", "prefill_tok_s"),
    ("tg_throughput", "decode_tok_s"),
    ("e2e_ttft", "ttft_ms"),
)
_NOTE = "Measured against a server, by a client whose requests it does not keep."
COLUMNS = {"peak t/s", "ttfr (ms)", "est_ppt (ms)", "e2e_ttft (ms)"}
"""Of its table alone: the others are llama-bench's too."""
_TOTAL = ("t/s (total)", "t/s")
_TEST = re.compile(
    r"(?P<context>ctx_)?(?P<kind>pp|tg)(?P<tokens>\d*)"
    r"(?: @ d(?P<depth>\d+))?(?: \(c(?P<streams>\d+)\))?"
)


def is_head(cells: Sequence[str]) -> bool:
    return {"model", "test"} < set(cells) and bool(COLUMNS & set(cells))


def read_row(columns: Sequence[str], cells: Sequence[str], place: str, file: str) -> Foreign | None:
    """A line of its table; None: none of it."""
    said = dict(zip(columns, cells, strict=False)) if len(cells) == len(columns) else {}
    test = _TEST.fullmatch(said.get("test", ""))
    if not test or not is_head(columns):
        return None
    figures = Figures()
    at_once = int(test["streams"] or 1)
    kind = "prompt_tokens" if test["kind"] == "pp" else "output_tokens"
    about: dict[str, Any] = {
        "statistic": "mean",
        "concurrency": at_once,
        "depth_tokens": int(test["depth"] or 0),
        "label": "context loaded" if test["context"] else None,
        kind: int(test["tokens"]) if test["tokens"] else None,
    }
    decoding: Quantity = "aggregate_tok_s" if at_once > 1 else "decode_tok_s"
    rate = next((said[name] for name in _TOTAL if name in said), "")
    for what, cell in (
        ("prefill_tok_s" if test["kind"] == "pp" else decoding, rate),
        ("ttft_ms", said.get("e2e_ttft (ms)", "")),
    ):
        if (value := speed(cell)) is not None:
            words = re.split(r"\s", cell.strip())[0]
            figures.add(what, value[0], deviation=value[1], words=words, **about)  # type: ignore[arg-type]
    return Foreign(
        program=PROGRAM,
        place=place,
        file=file,
        figures=tuple(figures.all),
        model_name=said["model"],
        note=_NOTE,
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
        note=_NOTE,
    )
