"""Speed by length of the prompt, and what the server costs over the bare engine there.

`llama-bench` names the same quantities: prefill of L tokens is its `ppL`, decode with L tokens
before is its `tgN @ dL` (llama.cpp, tools/llama-bench/README.md). It times n steps for n
tokens; our clients time n - 1 gaps for n - 1 tokens, which is the same rate.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bench_pipeline.measures import formulas
from bench_pipeline.measures.cells import believed, by_wave
from bench_pipeline.measures.statistics import (
    Estimate,
    Ratio,
    median_with_interval,
    ratio_of_medians,
)
from bench_pipeline.records.cell import CurvePoint
from bench_pipeline.records.server import BareTest


@dataclass(frozen=True)
class CurveFigures:
    """Estimates over repetitions at one prompt length; None where there is no such figure."""

    n: int
    prefill_tok_s: Estimate | None
    ttft_ms: Estimate | None
    """Nothing cached."""
    decode_tok_s: Estimate | None
    """With the prompt as context."""
    cached_ttft_ms: Estimate | None
    """Of the same prompts sent again; None where the engine reused nothing, as that would be a
    second cold figure under another name."""
    cached_share: float | None
    """Cached prompt tokens / prompt tokens when sent again."""


@dataclass(frozen=True)
class ServerShare:
    """Server / bare engine, from 0 to about 1; None where one of them was not measured."""

    decode: Ratio | None
    """At the same depth."""
    prefill: Ratio | None
    """Of the same length."""


def curve_figures(point: CurvePoint) -> CurveFigures:
    """No figures of a failed point, what was cut off is not the same work; nor of one whose
    clocks disagree or whose tokens came late."""
    cold, cached = (point.cold, point.cached) if _good(point) else ([], [])
    reused = [request for request in cached if request.cached_tokens]
    asked = sum(request.prompt_tokens for request in cached)
    return CurveFigures(
        n=len({request.wave for request in cold}),
        prefill_tok_s=median_with_interval(by_wave(cold, formulas.prefill_tok_s)),
        ttft_ms=median_with_interval(by_wave(cold, lambda request: request.ttft_ms)),
        decode_tok_s=median_with_interval(by_wave(cold, formulas.decode_tok_s)),
        cached_ttft_ms=median_with_interval(by_wave(reused, lambda request: request.ttft_ms)),
        cached_share=sum(r.cached_tokens or 0 for r in cached) / asked if asked else None,
    )


def _good(point: CurvePoint) -> bool:
    return point.status == "ok" and believed(point.cold)


def bare_rates(test: BareTest) -> list[float]:
    """tok/s of each repetition: tokens of the test / its time, as llama-bench itself does."""
    tokens = test.prompt_tokens + test.output_tokens
    return [tokens / time_ms * 1000 for time_ms in test.times_ms] if tokens else []


def bare_figures(test: BareTest) -> Estimate | None:
    """Median tok/s over the test's repetitions; None without any."""
    return median_with_interval(bare_rates(test))


def server_share(point: CurvePoint, tests: Iterable[BareTest]) -> ServerShare:
    """How much of the bare engine's speed the server leaves at this point's prompt length.

    Against the tests of decoding at this depth and of prefill of this length from an empty
    context. The ratio's interval is that of two independent samples.
    """
    length = point.depth_tokens
    decode, prefill = list[float](), list[float]()
    for test in tests:
        only_decodes = test.output_tokens > 0 and test.prompt_tokens == 0
        only_reads = test.prompt_tokens > 0 and test.output_tokens == 0
        if only_decodes and test.depth_tokens == length:
            decode += bare_rates(test)
        elif only_reads and test.prompt_tokens == length and test.depth_tokens == 0:
            prefill += bare_rates(test)
    cold = point.cold if _good(point) else []
    return ServerShare(
        decode=ratio_of_medians(decode, by_wave(cold, formulas.decode_tok_s)),
        prefill=ratio_of_medians(prefill, by_wave(cold, formulas.prefill_tok_s)),
    )
