"""Curves over the prompt's length, the bare engine, and runs that hold nothing else."""

from typing import Any

import numpy as np

from bench_pipeline.records.cell import CurvePoint, Failure, Request
from bench_pipeline.records.run import Run, Source
from bench_pipeline.records.server import BareEngine, BareTest
from tests.factories import measured_run, request


def curve_point(
    depth_tokens: int,
    *,
    decode_tok_s: float,
    prefill_tok_s: float,
    repetitions: int = 5,
    reused: bool = True,
    server: int = 0,
    seed: int = 1,
) -> CurvePoint:
    """Each prompt cold and then cached; not `reused`: the engine reads it all again."""
    random = np.random.default_rng([seed, depth_tokens])

    def ask(wave: int, output_tokens: int, cached_tokens: int) -> Request:
        return request(
            random,
            prompt_tokens=depth_tokens,
            output_tokens=output_tokens,
            cached_tokens=cached_tokens,
            decode_tok_s=decode_tok_s,
            prefill_tok_s=prefill_tok_s,
            wave=wave,
            stream=0,
            sent_at_ms=1e4 * wave,
        )

    waves = range(repetitions)
    return CurvePoint(
        depth_tokens=depth_tokens,
        server=server,
        stop_reason="converged",
        output_tokens_budget=32,
        window_ms=1e4 * repetitions,
        cold=[ask(wave, 32, 0) for wave in waves],
        cached=[ask(wave, 8, depth_tokens - 1 if reused else 0) for wave in waves],
    )


def failed_point(depth_tokens: int, kind: str = "contaminated") -> CurvePoint:
    return CurvePoint(
        depth_tokens=depth_tokens,
        server=0,
        status="failed",
        stop_reason="failed",
        failure=Failure(kind=kind, message="24 cached tokens"),  # type: ignore[arg-type]
        output_tokens_budget=32,
    )


def curve_and_bare_engine(
    *, decode_tok_s: float = 115.0, prefill_tok_s: float = 750.0, server_costs: float = 0.1
) -> dict[str, Any]:
    """Fields of a Run: speeds that fall with the prompt's length, and faster without a server."""
    points, tests = [], []
    for depth_tokens in (128, 512, 2048):
        falls = 1 + depth_tokens / 4000
        decode, prefill = decode_tok_s / falls, prefill_tok_s / falls
        points.append(curve_point(depth_tokens, decode_tok_s=decode, prefill_tok_s=prefill))
        bare_share = 1 / (1 - server_costs)
        tests += [
            bare_test(prefill * bare_share, prompt_tokens=depth_tokens),
            bare_test(decode * bare_share, output_tokens=32, depth_tokens=depth_tokens),
        ]
    bare = BareEngine(
        version_line="build: 7e4c0a9 (10434)",
        argv=["llama-bench", "--model", "model.gguf", "--output", "json"],
        tests=tests,
    )
    return {"curves": points, "bare_engine": bare}


def bare_test(tok_s: float, **shape: int) -> BareTest:
    """Five repetitions of a test of `prompt_tokens` or of `output_tokens` around `tok_s`."""
    tokens = shape.get("prompt_tokens") or shape["output_tokens"]
    times_ms = [tokens / tok_s * 1000 * share for share in (0.99, 0.995, 1, 1.005, 1.01)]
    return BareTest(**{"prompt_tokens": 0, "output_tokens": 0, **shape}, times_ms=times_ms)


def imported_run(**fields: Any) -> Run:
    """llama-bench's figures brought by somebody: tests of the bare engine and no cells."""
    absent = ("started_at", "finished_at", "profile", "harness", "host_load", "ladder")
    imported = {
        **dict.fromkeys(absent),
        "run_id": "1a2b3c4d5e6f",
        "provenance": "imported",
        "source": Source(title="Somebody's llama-bench", url="https://example.org/bench.json"),
        "servers": [],
        "cells": [],
        "bare_engine": curve_and_bare_engine()["bare_engine"],
    }
    return Run.model_validate({**measured_run(cells=[]).model_dump(), **imported, **fields})
