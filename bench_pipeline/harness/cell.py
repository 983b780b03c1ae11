"""One workload at one concurrency, measured until its median is known or its time is used up."""

import asyncio
import time
from collections.abc import Iterator

from bench_pipeline.engines.server import LlamaServer
from bench_pipeline.harness.profiles import ProfileRules
from bench_pipeline.harness.prompts import FittedPrompt
from bench_pipeline.harness.streaming import Stream, StreamFailed
from bench_pipeline.harness.telemetry import Watch
from bench_pipeline.harness.waves import as_requests, as_wave, run_wave
from bench_pipeline.measures.cells import figures_of
from bench_pipeline.progress import Step
from bench_pipeline.records.cell import Cell, Failure, FailureKind, Request, StopReason, Wave
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
    ) -> None:
        self.workload, self.concurrency, self.prompt = workload, concurrency, prompt
        self.answer_tokens, self.rules, self.nonces = answer_tokens, rules, fresh_nonces
        self.requests: list[Request] = []
        self.waves: list[Wave] = []

    def make(
        self,
        server: LlamaServer,
        watch: Watch,
        runner: asyncio.Runner,
        step: Step,
        amount: float,
    ) -> Cell:
        """Runs warm-up and waves; a failure ends the cell and what was measured is kept.

        `amount` is the cell's share of `step`'s progress, all of it used when this returns.
        """
        warmups: list[Request] = []
        stop_reason: StopReason | None = None
        failure: Failure | None = None
        left = amount
        a_wave = amount / (self.rules.warmup_waves + self.rules.min_waves)

        def advance() -> None:
            nonlocal left
            step.advance(min(left, a_wave))
            left -= min(left, a_wave)

        def wave() -> list[Stream]:
            prompts = [self.prompt.with_nonce(next(self.nonces)) for _ in range(self.concurrency)]
            return runner.run(run_wave(server.base_url, prompts, self.answer_tokens))

        start = time.perf_counter()
        window, telemetry, window_ms = None, [], None
        try:
            for number in range(self.rules.warmup_waves):
                warmups += as_requests(wave(), number, start)
                advance()
            window = watch.window()
            while stop_reason is None:
                number = len(self.waves)
                streams = wave()
                self.requests += as_requests(streams, number, window.opened_at)
                self.waves.append(as_wave(streams, number))
                advance()
                stop_reason = self._why_stop(time.perf_counter() - window.opened_at)
        except StreamFailed as error:
            failure = _stream_failure(error, server)
            stop_reason = "failed"
        if window is not None:
            telemetry = window.close()
            window_ms = round((time.perf_counter() - window.opened_at) * 1000, 3)
        step.advance(left)
        if failure is None and (cached := [r for r in self.requests if r.cached_tokens]):
            failure = Failure(
                kind="contaminated",
                message=f"{len(cached)} of {len(self.requests)} requests reused cached prompt"
                " tokens, so their prefill was not cold",
            )
        return Cell(
            workload=self.workload.slug,
            concurrency=self.concurrency,
            status="failed" if failure else "ok",
            failure=failure,
            stop_reason=stop_reason,
            prompt_tokens_budget=self.workload.prompt_tokens,
            output_tokens_budget=self.answer_tokens,
            window_ms=window_ms,
            warmups=warmups,
            requests=self.requests,
            waves=self.waves,
            telemetry=telemetry,
        )

    def _why_stop(self, elapsed_s: float) -> StopReason | None:
        """None: one more wave."""
        if len(self.waves) < self.rules.min_waves:
            return None
        if len(self.waves) >= self.rules.max_waves:
            return "repetitions"
        if self.rules.target_half_width is not None and self._converged():
            return "converged"
        return "budget" if elapsed_s > self.rules.cell_budget_s else None

    def _converged(self) -> bool:
        """The figures that a page leads with are known within the target."""
        figures = figures_of(
            Cell(
                workload=self.workload.slug,
                concurrency=self.concurrency,
                requests=self.requests,
                waves=self.waves,
            )
        )
        leading = [figures.decode_tok_s, figures.prefill_tok_s]
        widths = [estimate.relative_half_width for estimate in leading if estimate]
        target = self.rules.target_half_width or 0
        return all(width is not None and width <= target for width in widths)


def _stream_failure(error: StreamFailed, server: LlamaServer) -> Failure:
    kind: FailureKind
    if error.kind == "hang":
        kind = "hang"
    elif error.kind == "oom" or any("out of memory" in line for line in server.log_tail(15)):
        kind = "oom"
    else:
        kind = "crash"
    # A killed server closes its sockets a moment before it can be seen to be dead.
    for _ in range(20):
        if not server.alive():
            break
        time.sleep(0.05)
    died = "" if server.alive() else "the server died during a request; "
    return Failure(kind=kind, message=f"{died}{error}", log_tail=server.log_tail(15))
