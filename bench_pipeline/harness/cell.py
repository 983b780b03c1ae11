"""One workload at one concurrency, measured until its median is known or its time is used up."""

import asyncio
from collections.abc import Iterator

from bench_pipeline.engines.dialects import llama_server
from bench_pipeline.engines.dialects.protocol import Counters, Dialect
from bench_pipeline.engines.guarded import GuardedServer
from bench_pipeline.harness.client.counting import Counting
from bench_pipeline.harness.client.prompts import FittedPrompt
from bench_pipeline.harness.client.streaming import Stream
from bench_pipeline.harness.client.verdict import Judging
from bench_pipeline.harness.client.waves import as_requests, as_wave, run_wave
from bench_pipeline.harness.planning.profiles import ProfileRules
from bench_pipeline.harness.repetition import repeat
from bench_pipeline.harness.telemetry import Watch
from bench_pipeline.measures.cells import figures_of
from bench_pipeline.measures.statistics import Estimate
from bench_pipeline.progress import Step
from bench_pipeline.records.cell import Cell, Request, Wave
from bench_pipeline.records.workload import Workload


class CellMeasurement:
    """One workload at one concurrency, until its median is known or its time is used up."""

    def __init__(
        self,
        workload: Workload,
        concurrency: int,
        prompt: FittedPrompt,
        answer_tokens: int,
        rules: ProfileRules,
        fresh_nonces: Iterator[str],
        dialect: Dialect = llama_server.DIALECT,
        least_cold_ms: float | None = None,
    ) -> None:
        """`least_cold_ms`: a first token that came sooner was of a cached prompt."""
        self.workload, self.concurrency, self.prompt = workload, concurrency, prompt
        self.answer_tokens, self.rules, self.nonces = answer_tokens, rules, fresh_nonces
        self.requests: list[Request] = []
        self.waves: list[Wave] = []
        self.dialect, self.judging = dialect, Judging(dialect, least_cold_ms)

    def make(
        self,
        server: GuardedServer,
        watch: Watch,
        runner: asyncio.Runner,
        step: Step,
        amount: float,
    ) -> Cell:
        """Runs warm-up and waves; a failure ends the cell and what was measured is kept.

        `amount` is the cell's share of `step`'s progress, all of it used when this returns.
        """
        left = amount
        a_wave = amount / (self.rules.warmup_waves + self.rules.min_waves)

        def advance() -> None:
            nonlocal left
            step.advance(min(left, a_wave))
            left -= min(left, a_wave)

        def wave() -> list[Stream]:
            prompts = [self.prompt.with_nonce(next(self.nonces)) for _ in range(self.concurrency)]
            return runner.run(
                run_wave(
                    server.base_url,
                    prompts,
                    self.answer_tokens,
                    dialect=self.dialect,
                    stall_timeout_s=self.rules.stall_timeout_s,
                )
            )

        def warm_up(number: int, start: float) -> list[Request]:
            streams = wave()
            advance()
            return as_requests(streams, number, start)

        counting = Counting(server.base_url, self.dialect)

        def measure(window_start: float) -> int:
            before = counting.look()
            streams = wave()
            self._keep(streams, window_start, counting.since(before, len(streams)))
            advance()
            return len(self.waves)

        found = repeat(
            self.rules,
            server,
            watch,
            warm_up=warm_up,
            measure=measure,
            leading=self._leading,
            in_vain=lambda: self.judging.in_vain,
        )
        step.advance(left)
        failure = found.failure or self.judging.failure()
        return Cell(
            workload=self.workload.slug,
            concurrency=self.concurrency,
            status="failed" if failure else "ok",
            failure=failure,
            stop_reason=found.stop_reason,
            prompt_tokens_budget=self.workload.prompt_tokens,
            output_tokens_budget=self.answer_tokens,
            window_ms=found.window_ms,
            warmups=found.warmups,
            requests=self.requests,
            waves=self.waves,
            telemetry=list(found.telemetry),
            others_cpu_fraction=found.others_cpu_fraction,
        )

    def _keep(
        self, streams: list[Stream], window_start: float, told: Counters | None = None
    ) -> None:
        number = len(self.waves)
        self.requests += as_requests(streams, number, window_start)
        self.waves.append(as_wave(streams, number, told))
        self.judging.hear(streams, self.answer_tokens, self.prompt.tokens, told=told)

    def _leading(self) -> list[Estimate | None]:
        figures = figures_of(
            Cell(
                workload=self.workload.slug,
                concurrency=self.concurrency,
                requests=self.requests,
                waves=self.waves,
            )
        )
        return [figures.decode_tok_s, figures.prefill_tok_s]
