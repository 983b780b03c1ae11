"""Prefill and decode by length of the prompt: the curves that users of llama-bench know.

One stream. Every prompt is sent twice. Cold, it gives prefill at that length and decode at that
depth; sent again at once with prompt caching on, it gives the time to first token of a
conversation that goes on.
"""

import asyncio
from collections.abc import Iterator

from bench_pipeline.engines.guarded import GuardedServer
from bench_pipeline.harness.client.prompts import FittedPrompt
from bench_pipeline.harness.client.streaming import Stream
from bench_pipeline.harness.client.verdict import Judging
from bench_pipeline.harness.client.waves import as_requests, run_wave
from bench_pipeline.harness.planning.profiles import ProfileRules
from bench_pipeline.harness.repetition import repeat
from bench_pipeline.harness.telemetry import Watch
from bench_pipeline.measures import formulas
from bench_pipeline.measures.cells import by_wave
from bench_pipeline.measures.statistics import Estimate, median_with_interval
from bench_pipeline.records.cell import CurvePoint, Request

CACHED_OUTPUT_TOKENS = 8
"""The cached request is about its first token only."""


def depths_within(
    depths: tuple[int, ...], output_tokens: int, context_tokens: int | None
) -> tuple[int, ...]:
    """Those of `depths` that the model was trained for, its answer included."""
    if context_tokens is None:
        return depths
    return tuple(depth for depth in depths if depth + output_tokens <= context_tokens)


class PointMeasurement:
    """One prompt length, until its medians are known or its time is used up."""

    def __init__(
        self, depth: int, prompt: FittedPrompt, rules: ProfileRules, fresh_nonces: Iterator[str]
    ) -> None:
        self.depth, self.prompt, self.rules, self.nonces = depth, prompt, rules, fresh_nonces
        self.cold: list[Request] = []
        self.cached: list[Request] = []
        self.judging = Judging()

    def make(
        self, server: GuardedServer, number: int, watch: Watch, runner: asyncio.Runner
    ) -> CurvePoint:
        """Warm-up and repetitions; a failure ends the point and what was measured is kept.

        `number` is the server's place among the run's servers.
        """

        def warm_up(number: int, start: float) -> list[Request]:
            cold, _ = self._ask(server, runner)
            return as_requests(cold, number, start)

        def measure(window_start: float) -> int:
            self._keep(*self._ask(server, runner), window_start)
            return len(self.cold)

        found = repeat(
            self.rules, server, watch, warm_up=warm_up, measure=measure, leading=self._leading
        )
        failure = found.failure or self.judging.failure()
        return CurvePoint(
            depth_tokens=self.depth,
            server=number,
            status="failed" if failure else "ok",
            failure=failure,
            stop_reason=found.stop_reason,
            output_tokens_budget=self.rules.curve_output_tokens,
            window_ms=found.window_ms,
            warmups=found.warmups,
            cold=self.cold,
            cached=self.cached,
            telemetry=list(found.telemetry),
        )

    def _keep(self, cold: list[Stream], cached: list[Stream], window_start: float) -> None:
        repetition = len(self.cold)
        self.cold += as_requests(cold, repetition, window_start)
        self.cached += as_requests(cached, repetition, window_start)
        self.judging.hear(cold, self.rules.curve_output_tokens)
        self.judging.hear(cached, CACHED_OUTPUT_TOKENS, cold=False)

    def _ask(
        self, server: GuardedServer, runner: asyncio.Runner
    ) -> tuple[list[Stream], list[Stream]]:
        """The same prompt twice: cold, then from the cache that it left."""
        prompts = [self.prompt.with_nonce(next(self.nonces))]

        def ask(output_tokens: int, cache_prompt: bool) -> list[Stream]:
            return runner.run(
                run_wave(
                    server.base_url,
                    prompts,
                    output_tokens,
                    cache_prompt=cache_prompt,
                    stall_timeout_s=self.rules.stall_timeout_s,
                )
            )

        return (
            ask(self.rules.curve_output_tokens, cache_prompt=False),
            ask(CACHED_OUTPUT_TOKENS, cache_prompt=True),
        )

    def _leading(self) -> list[Estimate | None]:
        formulas_ = (formulas.decode_tok_s, formulas.prefill_tok_s)
        return [median_with_interval(by_wave(self.cold, formula)) for formula in formulas_]
