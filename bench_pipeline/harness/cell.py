"""One workload at one concurrency, measured until its median is known or its time is used up."""

import asyncio
import time
from collections.abc import Iterator, Sequence

from bench_pipeline.engines.server import LlamaServer
from bench_pipeline.harness.counts import count_failure, miscount
from bench_pipeline.harness.profiles import ProfileRules
from bench_pipeline.harness.prompts import FittedPrompt
from bench_pipeline.harness.stopping import why_stop
from bench_pipeline.harness.streaming import Stream, StreamFailed
from bench_pipeline.harness.telemetry import Watch, Window
from bench_pipeline.harness.telemetry.processes import programs
from bench_pipeline.harness.waves import as_requests, as_wave, run_wave
from bench_pipeline.measures.cells import figures_of
from bench_pipeline.measures.statistics import Estimate
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
        self.miscounts: list[str] = []

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
            return runner.run(
                run_wave(
                    server.base_url,
                    prompts,
                    self.answer_tokens,
                    stall_timeout_s=self.rules.stall_timeout_s,
                )
            )

        start = time.perf_counter()
        window: Window | None = None
        telemetry, window_ms = [], None
        try:
            for number in range(self.rules.warmup_waves):
                warmups += as_requests(wave(), number, start)
                advance()
            window = watch.window()
            while stop_reason is None:
                self._keep(wave(), window.opened_at)
                advance()
                elapsed_s = time.perf_counter() - window.opened_at
                stop_reason = why_stop(self.rules, len(self.waves), elapsed_s, self._leading)
        except StreamFailed as error:
            failure = stream_failure(error, server)
            stop_reason = "failed"
        if window is not None:
            telemetry = window.close()
            window_ms = round((time.perf_counter() - window.opened_at) * 1000, 3)
        step.advance(left)
        failure = (
            failure
            or (foreign_failure(window) if window else None)
            or cached_failure(self.requests)
            or count_failure(self.miscounts, len(self.requests))
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
            others_cpu_fraction=window.others_cpu_fraction if window else None,
        )

    def _keep(self, streams: list[Stream], window_start: float) -> None:
        number = len(self.waves)
        self.requests += as_requests(streams, number, window_start)
        self.waves.append(as_wave(streams, number))
        self.miscounts += [m for s in streams if (m := miscount(s, self.answer_tokens))]

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


def foreign_failure(window: Window) -> Failure | None:
    """Of a closed window in which another program computed on the GPU."""
    if not (strangers := window.foreign_gpu_processes):
        return None
    return Failure(
        kind="contaminated",
        message=f"{programs(strangers)} computed on the GPU while this was measured",
    )


def cached_failure(requests: Sequence[Request]) -> Failure | None:
    """Of requests that were to be cold, if one was not."""
    if not (cached := [r.cached_tokens for r in requests if r.cached_tokens]):
        return None
    return Failure(
        kind="contaminated",
        message=f"{len(cached)} of {len(requests)} requests reused cached prompt tokens, up to "
        f"{max(cached)} of {max(r.prompt_tokens for r in requests)}, so their prefill was not cold",
    )


def stream_failure(error: StreamFailed, server: LlamaServer) -> Failure:
    """What a stream's failure was, by its own words, the server's log and whether it lives."""
    kind: FailureKind = error.kind
    if kind == "crash" and any("out of memory" in line for line in server.log_tail(15)):
        kind = "oom"
    # A killed server closes its sockets a moment before it can be seen to be dead.
    for _ in range(20):
        if not server.alive():
            break
        time.sleep(0.05)
    died = "" if server.alive() else "the server died during a request; "
    return Failure(kind=kind, message=f"{died}{error}", log_tail=server.log_tail(15))
