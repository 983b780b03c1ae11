"""A conversation: a script's turns one after the other, with prompt caching on.

The first turn is sent cold, behind a fresh nonce. Each later one is sent with what the script has
as the model's reply, not with what the model wrote: so every model, build and repetition reads
the same. The server has the turn before in its cache, prompt and written reply; of this it can
reuse the prompt, and of the reply only what happens to be the script's. What it must have had is
known from its own tokenizer, what it had from its own counts.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from bench_pipeline.engines.dialects.protocol import Dialect
from bench_pipeline.engines.guarded import GuardedServer
from bench_pipeline.errors import EngineError
from bench_pipeline.harness.client.prompts import PromptFitter
from bench_pipeline.harness.client.scripted import SAME_NONCE, messages, script_sha256
from bench_pipeline.harness.client.streaming import Stream
from bench_pipeline.harness.client.verdict import Judging
from bench_pipeline.harness.client.waves import as_requests, run_wave
from bench_pipeline.harness.pace import told_of
from bench_pipeline.harness.planning import modes
from bench_pipeline.harness.planning.profiles import ProfileRules
from bench_pipeline.harness.repetition import repeat
from bench_pipeline.harness.serving import Running, Serving, as_failure
from bench_pipeline.measures.conversations import trace_ms
from bench_pipeline.measures.statistics import Estimate, median_with_interval
from bench_pipeline.progress import Reporter, Step
from bench_pipeline.records.cell import Failure, Request
from bench_pipeline.records.workload import Conversation, ScriptedTurn, Trace, TurnRequest


def read_turns(server: GuardedServer, dialect: Dialect, script: Conversation) -> list[ScriptedTurn]:
    """The script as this model's tokenizer has it. EngineError (`refused`) where it is longer than
    its context; one that nobody can count is found out when it is played."""
    turns: list[ScriptedTurn] = []
    before: list[int] | None = []
    with closing(PromptFitter(server.base_url, dialect)) as fitter:
        for number, turn in enumerate(script.turns):
            tokens = fitter.tokens(messages(script, number, SAME_NONCE))
            shared = None if tokens is None or before is None else _shared(before, tokens)
            if tokens is not None and len(tokens) + turn.output_tokens > script.context_tokens:
                raise EngineError(
                    f"turn {number + 1} of {len(script.turns)} takes {len(tokens):,} tokens with "
                    f"this model, and {turn.output_tokens} to answer; `context_tokens` is "
                    f"{script.context_tokens:,}",
                    mend="raise it, or shorten the script",
                    where=f"content/conversations/{script.slug}.yaml",
                    kind="refused",
                )
            turns.append(
                ScriptedTurn(
                    turn=number,
                    came="results" if turn.user is None else "user",
                    prompt_tokens=None if tokens is None else len(tokens),
                    shared_tokens=shared,
                    output_tokens_budget=turn.output_tokens,
                )
            )
            before = tokens
    return turns


def _shared(before: Sequence[int], tokens: Sequence[int]) -> int:
    return next(
        (n for n, (one, other) in enumerate(zip(before, tokens, strict=False)) if one != other),
        min(len(before), len(tokens)),
    )


class ConversationMeasurement:
    """One script, until its length is known or its time is used up."""

    def __init__(
        self,
        script: Conversation,
        turns: list[ScriptedTurn],
        rules: ProfileRules,
        fresh_nonces: Iterator[str],
        dialect: Dialect,
    ) -> None:
        self.script, self.turns, self.rules = script, turns, rules
        self.nonces, self.dialect = fresh_nonces, dialect
        self.judging = Judging(dialect)
        self.requests: list[TurnRequest] = []
        self.foreign: list[str] = []
        self.played = 0

    def make(self, running: Running, step: Step, amount: float) -> Trace:
        """Plays it once to warm up and then as often as it takes; a failure ends it, and what was
        measured is kept. `amount`: its share of `step`."""
        server, runner, left = running.server, running.runner, amount
        each = amount / (self.rules.warmup_waves + self.rules.min_waves)
        warmups: list[TurnRequest] = []

        def advance() -> None:
            nonlocal left
            step.advance(min(left, each))
            left -= min(left, each)

        def warm_up(number: int, start: float) -> list[Request]:
            warmups.extend(_as_turns(self._play(server, runner), number, start))
            advance()
            return []

        def measure(window_start: float) -> int:
            streams = self._play(server, runner)
            self._hear(streams)
            self.requests += _as_turns(streams, self.played, window_start)
            self.played += 1
            advance()
            return self.played

        found = repeat(
            self.rules, server, running.watch, warm_up=warm_up, measure=measure, leading=self._known
        )
        step.advance(left)
        failure = found.failure or self._foreign() or self.judging.failure()
        return Trace(
            conversation=self.script.slug,
            title=self.script.title,
            script_sha256=script_sha256(self.script),
            server=running.number,
            status="failed" if failure else "ok",
            failure=failure,
            stop_reason=found.stop_reason,
            window_ms=found.window_ms,
            turns=self.turns,
            warmups=warmups,
            requests=self.requests,
            telemetry=list(found.telemetry),
        )

    def _play(self, server: GuardedServer, runner: asyncio.Runner) -> list[Stream]:
        """Every turn, as soon as the one before has ended."""
        nonce, streams = next(self.nonces), list[Stream]()
        for number, turn in enumerate(self.script.turns):
            streams += runner.run(
                run_wave(
                    server.base_url,
                    [messages(self.script, number, nonce)],
                    turn.output_tokens,
                    dialect=self.dialect,
                    cache_prompt=number > 0,
                    stall_timeout_s=self.rules.stall_timeout_s,
                )
            )
        return streams

    def _hear(self, streams: Sequence[Stream]) -> None:
        for number, (stream, turn) in enumerate(zip(streams, self.turns, strict=True)):
            self.judging.hear(
                [stream], turn.output_tokens_budget, turn.prompt_tokens, cold=number == 0
            )
            if not number or stream.cached_tokens is None or turn.shared_tokens is None:
                continue
            most = turn.shared_tokens + streams[number - 1].output_tokens
            if stream.cached_tokens > most:
                self.foreign.append(
                    f"turn {number + 1} reused {stream.cached_tokens:,} tokens, of which the turn "
                    f"before left {most:,} at most"
                )

    def _foreign(self) -> Failure | None:
        if not self.foreign:
            return None
        message = f"{self.foreign[0]}: the rest was not of this conversation"
        return Failure(kind="contaminated", message=message)

    def _known(self) -> list[Estimate | None]:
        return [median_with_interval(trace_ms(self.requests))]


def _as_turns(streams: Sequence[Stream], repetition: int, start: float) -> list[TurnRequest]:
    return [
        TurnRequest(**vars(request), turn=turn)
        for turn, stream in enumerate(streams)
        for request in as_requests([stream], repetition, start)
    ]


def play(
    serving: Serving,
    script: Conversation,
    rules: ProfileRules,
    fresh_nonces: Iterator[str],
    reporter: Reporter,
    keep: Callable[[Trace, Running], None],
) -> Trace | None:
    """On a server of its own, with the context that the script names. `keep` gets the trace and may
    end the run; where the server does not start, or the script is too long for it, that is returned
    as a failed one. EngineError where no server of the run would start."""
    servers, what = len(serving.record.servers), f"{serving.model.family} {script.title}"
    try:
        with (
            serving.serve(1, script.context_tokens, reporter, keeps_prompts=True) as running,
            reporter.step(what, total=1) as step,
        ):
            turns = read_turns(running.server, running.dialect, script)
            playing = ConversationMeasurement(script, turns, rules, fresh_nonces, running.dialect)
            trace = modes.check_trace(serving.item.mode, playing.make(running, step, 1))
            reporter.say(told_of(trace))
            keep(trace, running)
    except EngineError as error:
        if not servers and error.kind != "refused":
            raise
        return Trace(
            conversation=script.slug,
            title=script.title,
            script_sha256=script_sha256(script),
            server=len(serving.record.servers) - 1,
            status="failed",
            stop_reason="failed",
            failure=as_failure(error),
        )
    return None


def check_room(script: Conversation, trained_tokens: int | None) -> None:
    """EngineError (`refused`) where a model was trained for less than a script may take."""
    if trained_tokens is not None and script.context_tokens > trained_tokens:
        raise EngineError(
            f"its context of {script.context_tokens:,} tokens is longer than the "
            f"{trained_tokens:,} that the model was trained for",
            mend="measure a model with a longer context, or lower `context_tokens`",
            where=f"content/conversations/{script.slug}.yaml",
            kind="refused",
        )
