"""Runs of an engine of another family, as `tests.factories` makes those of llama.cpp."""

from collections.abc import Sequence
from typing import Any

from bench_pipeline.records.run import Engine, Run, Untold
from tests.factories import measured_run

OWN_CLOCK = ("server_prompt_ms", "server_decode_ms", "server_itl_p99_ms")
GAPS = ("itl_p50_ms", "itl_p95_ms", "itl_p99_ms", "itl_max_ms")


def of_another_family(untold: Sequence[Untold], name: str = "another", **fields: Any) -> Run:
    """Its cells tell all the same, unless without a clock: a test takes away what it is about."""
    wanted = {"workloads": ["chat"], "concurrencies": [1], "decode_tok_s": 150.0, **fields}
    run = measured_run(**wanted)
    engine = Engine(
        name=name,
        build="1.2",
        untold=list(untold) or None,
        channel="command",
        binary_sha256="ab" * 32,
    )
    return run.model_copy(update={"engine": engine})


def one_clock(run: Run) -> Run:
    """The same by the client's times alone."""
    cells = [
        cell.model_copy(
            update={
                "requests": [
                    request.model_copy(update=dict.fromkeys(OWN_CLOCK)) for request in cell.requests
                ]
            }
        )
        for cell in run.cells
    ]
    closing = {"closing": None}
    return run.model_copy(update={"cells": cells, **closing})
