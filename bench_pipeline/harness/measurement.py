"""One run, from its first server to its last figure.

Every concurrency has a server of its own with exactly as many slots: what one user gets is not
slowed by slots for sixty-four, and memory that suffices for one but not for all shows where it
ends. Another, with a context for long prompts, draws the curves. Then the first cell is measured
again, on a server like its first: by what it differs, the machine drifted. Then comes the
engine's own benchmark, without a server. That is the usual; a deep curve and conversations, where
they are asked for, have servers of their own after it, or instead.
"""

from collections.abc import Collection
from contextlib import closing
from pathlib import Path

from bench_pipeline.engines.builds.install import InstalledEngine
from bench_pipeline.engines.dialects.protocol import Messages
from bench_pipeline.engines.llama_cpp.llama_bench import run_llama_bench
from bench_pipeline.errors import EngineError, RecordError
from bench_pipeline.harness.cell import CellMeasurement
from bench_pipeline.harness.client.probe import TOKENS, least_cold_ms, probe
from bench_pipeline.harness.client.prompts import FittedPrompt, PromptFitter, nonces
from bench_pipeline.harness.client.streaming import StreamFailed
from bench_pipeline.harness.client.waves import run_wave
from bench_pipeline.harness.curves import PointMeasurement, depths_within
from bench_pipeline.harness.long.conversation import check_room, play
from bench_pipeline.harness.long.deep import DeepCurve, not_drawn
from bench_pipeline.harness.pace import Pace, told
from bench_pipeline.harness.planning import modes
from bench_pipeline.harness.planning.depths import context_for
from bench_pipeline.harness.planning.ladder import next_step, planned
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.harness.planning.profiles import PROFILES, ProfileRules, output_tokens
from bench_pipeline.harness.quiet import wait_until_quiet
from bench_pipeline.harness.repetition import stream_failure
from bench_pipeline.harness.run_record import RunRecord
from bench_pipeline.harness.serving import Running, ServerGone, Serving, as_failure
from bench_pipeline.inventory.bandwidth import read_bandwidth
from bench_pipeline.inventory.capture import capture_inventory
from bench_pipeline.inventory.cpu import engine_threads
from bench_pipeline.models.context import read_context
from bench_pipeline.progress import PART, Reporter, Step
from bench_pipeline.records.cell import Cell, CurvePoint, Failure
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.run import Ladder, Run
from bench_pipeline.records.workload import Conversation, Trace, Workload

BARE_TIMEOUT_S = 900
"""For the engine's own benchmark: as many repetitions at as many depths as the curves have."""


class Measurement:
    """State of one run while it is made."""

    def __init__(
        self,
        item: PlanItem,
        *,
        runs_folder: Path,
        rig: Rig,
        engine: InstalledEngine,
        model: ModelFile,
        model_path: Path,
        draft: tuple[ModelFile, Path] | None,
        workloads: list[Workload],
        scripts: list[Conversation] | None = None,
    ) -> None:
        """EngineError (`refused`) where it is asked for more context than the model was trained
        for."""
        self.scripts = scripts or []
        self.item, self.engine, self._all_workloads = item, engine, workloads
        self.workloads = chosen(workloads, item.workloads)
        self.model_path, self.setup = model_path, rig.backends[item.backend]
        self.rules = PROFILES[item.profile]
        inventory = capture_inventory(engine.devices)
        self.record = record = RunRecord(item, rig, engine, model, inventory)
        self._prompts: dict[str, FittedPrompt] = {}
        self.nonces = nonces(seed=int(record.run_id, 16))
        self.threads = self.setup.threads or engine_threads(inventory.cpu)
        self.serving = Serving(
            item=item,
            engine=engine,
            model=model,
            model_path=model_path,
            draft=draft,
            setup=self.setup,
            threads=self.threads,
            log_stem=runs_folder / rig.slug / item.backend / record.file_stem,
            record=record,
        )
        self.what = f"{model.family} {model.variant} on {engine.build}"
        context = read_context(model_path)
        self.deep = (
            DeepCurve(self.serving, self.rules, context, self.what, self._point_kept)
            if "deep" in item.parts
            else None
        )
        for script in self.scripts:
            check_room(script, context.trained_tokens)

    def make(self, reporter: Reporter) -> Run:
        """Everything in order. A run that fails is a result and is returned as one."""
        host_load = wait_until_quiet(
            self.item.plain_backend,
            reporter,
            names=self.serving.cards(),
            patience_s=self.rules.quiet_patience_s,
        )
        failure: Failure | None = None
        try:
            if "usual" in self.item.parts:
                self.pace = self._pace()
                self._climb(reporter)
                self._draw_curves(reporter)
                self._close(reporter)
                self._measure_without_server(reporter)
            if self.deep is not None:
                self.deep.draw(reporter)
            if self.scripts:
                self._converse(reporter)
            self._read_bandwidth()
        except EngineError as error:
            failure = as_failure(error)
        except ServerGone as gone:
            failure = gone.failure
        return self.record.as_run(host_load, failure)

    def _pace(self) -> Pace:
        """All parts that are known of before the first server tells how long a prompt may be."""
        steps = planned(self.item.concurrencies)
        cells = [self._amount(each, step) for step in steps for each in self.workloads]
        depths = self.rules.curve_depths if self._is_whole else ()
        points = [self._point_amount(depth) for depth in depths]
        return Pace([*cells, *points, cells[0]], at_most=self.item.concurrencies == "knee")

    def _point_amount(self, depth: int) -> float:
        """As `_amount`, of a point of the curves: each prompt is sent cold and cached."""
        waves = self.rules.warmup_waves + self.rules.min_waves
        return (depth / 7 + 2 * self.rules.curve_output_tokens) * waves

    def _climb(self, reporter: Reporter) -> None:
        """Every workload at each concurrency. A server that does not start ends the climb: the
        run if it was the first, else its cells have failed."""
        cells, climbed = self.record.cells, []
        while isinstance(step := next_step(self.item.concurrencies, cells), int):
            climbed.append(step)
            try:
                with self.serving.serve(step, self.context_tokens(), reporter) as running:
                    self._probe_cache(running)
                    self._measure_cells(running, step, reporter)
            except EngineError as error:
                if len(climbed) == 1:
                    raise
                cells += [self._not_started(w, step, error) for w in self.workloads]
        self.record.ladder = Ladder(concurrencies=climbed, ended=step)

    def _draw_curves(self, reporter: Reporter) -> None:
        depths = self._depths()
        if not depths:
            return
        amounts = [float(depth + self.rules.curve_output_tokens) for depth in depths]
        context = self.context_tokens(*(depth + self.rules.curve_output_tokens for depth in depths))
        try:
            with (
                self.serving.serve(1, context, reporter) as running,
                reporter.step(self.what, total=sum(amounts), unit=PART) as step,
            ):
                for depth, amount in zip(depths, amounts, strict=True):
                    step.describe(f"{self.what}: prompt of {depth} tokens")
                    keep_going(running, self._measure_point(running, depth))
                    step.advance(amount)
                    what = f"prompt of {depth} tokens"
                    reporter.say(self.pace.after(what, self._point_amount(depth)))
        except EngineError as error:
            server = len(self.record.servers) - 1
            self.record.curves += [not_drawn(depth, error, self.rules, server) for depth in depths]

    def _close(self, reporter: Reporter) -> None:
        """The run's first cell again, on a server with its very slots and context: another
        context is another cache, and might have another speed."""
        first = self.record.cells[0]
        if first.status != "ok":
            return
        workload = next(w for w in self.workloads if w.slug == first.workload)
        try:
            with (
                self.serving.serve(first.concurrency, self.context_tokens(), reporter) as running,
                reporter.step(f"{self.what}: the first cell again", total=1) as step,
            ):
                self._probe_cache(running)
                again = self.measure_cell(running, workload, first.concurrency, step, 1)
                self.record.closing = again
                keep_going(running, again)
        except EngineError as error:
            self.record.closing = self._not_started(workload, first.concurrency, error)

    def _converse(self, reporter: Reporter) -> None:
        self.record.conversations = traces = list[Trace]()

        def keep(trace: Trace, running: Running) -> None:
            traces.append(trace)
            keep_going(running, trace)

        for script in self.scripts:
            failed = play(self.serving, script, self.rules, self.nonces, reporter, keep)
            traces += [failed] if failed else []

    def _read_bandwidth(self) -> None:
        if not self.record.bandwidth:
            self.record.bandwidth = read_bandwidth(
                self.item.plain_backend,
                self.record.inventory.gpus_behind(self.record.devices),
                self.record.devices,
                self.threads,
            )

    def _measure_without_server(self, reporter: Reporter) -> None:
        depths = self._depths()
        self._read_bandwidth()
        if self.item.mode != "baseline" or not depths:
            return  # it knows no modes
        self.record.bare_engine = run_llama_bench(
            self.engine,
            self.model_path,
            backend=self.item.plain_backend,
            setup=self.setup,
            threads=self.threads,
            devices=self.record.devices,
            depths=depths,
            output_tokens=self.rules.curve_output_tokens,
            repetitions=self.rules.min_waves,
            timeout_s=BARE_TIMEOUT_S,
            reporter=reporter,
        )

    @property
    def _is_whole(self) -> bool:
        """Whether curves are drawn: not where some workloads are wanted alone, nor of another
        family, as a point is of a prompt sent twice, with a cache that is off."""
        return not (self.item.workloads or self.engine.started)

    def _depths(self) -> tuple[int, ...]:
        if not self._is_whole:
            return ()
        placement = self.record.placement
        trained = placement.context_train_tokens if placement else None
        return depths_within(self.rules.curve_depths, self.rules.curve_output_tokens, trained)

    def context_tokens(self, *longest: int) -> int:
        """Tokens that a slot needs for every workload, wanted or not, and for `longest`: another
        context might have another speed."""
        all_of_them = self._all_workloads
        shapes = [w.prompt_tokens + output_tokens(w, self.item.profile) for w in all_of_them]
        return context_for(max([*shapes, *longest]))

    def _probe_cache(self, running: Running) -> None:
        """Of what tells nothing of its cache, neither with a request nor by counters."""
        if running.dialect.tells_cached or running.dialect.counters_at:
            return
        prompt = self._fitted(running, self._longest)

        def first_token_ms(messages: Messages) -> float:
            sending = run_wave(running.server.base_url, [messages], TOKENS, dialect=running.dialect)
            (stream,) = running.runner.run(sending)
            return (stream.first_at - stream.sent_at) * 1000

        fresh = (prompt.with_nonce(nonce) for nonce in self.nonces)
        try:
            found = probe(first_token_ms, fresh, prompt.tokens or 0)
        except StreamFailed as error:
            raise ServerGone(stream_failure(error, running.server)) from None
        self.record.probes[running.number] = found

    @property
    def _longest(self) -> Workload:
        return max(self.workloads, key=lambda workload: workload.prompt_tokens)

    def _measure_cells(self, running: Running, concurrency: int, reporter: Reporter) -> None:
        """All workloads at one concurrency."""
        amounts = [self._amount(workload, concurrency) for workload in self.workloads]
        with reporter.step(self.what, total=sum(amounts), unit=PART) as step:
            for workload, amount in zip(self.workloads, amounts, strict=True):
                step.describe(f"{self.what}: {workload.slug}, concurrency {concurrency}")
                cell = self.measure_cell(running, workload, concurrency, step, amount)
                self.record.cells.append(cell)
                reporter.say(self.pace.after(told(cell), amount))
                keep_going(running, cell)

    def measure_cell(
        self,
        running: Running,
        workload: Workload,
        concurrency: int,
        step: Step,
        amount: float,
        rules: ProfileRules | None = None,
    ) -> Cell:
        """`rules`: other ones than the profile's. `amount`: the cell's share of `step`."""
        prompt = self._fitted(running, workload)
        probed = concurrency == 1 and workload == self._longest  # queueing would hide it
        found = self.record.probes.get(running.number) if probed else None
        measurement = CellMeasurement(
            workload,
            concurrency,
            prompt,
            output_tokens(workload, self.item.profile),
            rules or self.rules,
            self.nonces,
            running.dialect,
            least_cold_ms(found),
        )
        cell = measurement.make(running.server, running.watch, running.runner, step, amount)
        return modes.check_cell(self.item.mode, cell.model_copy(update={"server": running.number}))

    def _fitted(self, running: Running, workload: Workload) -> FittedPrompt:
        """What cannot count a prompt without answering it is asked once in a run: each cell holds
        the count against what its own server says."""
        if (known := self._prompts.get(workload.slug)) is not None:
            return known
        with closing(PromptFitter(running.server.base_url, running.dialect)) as fitter:
            prompt = fitter.fit(workload)
        if self.engine.started:
            self._prompts[workload.slug] = prompt
        return prompt

    def _point_kept(self, running: Running, depth: int, rules: ProfileRules) -> CurvePoint:
        point = self._measure_point(running, depth, rules)
        keep_going(running, point)
        return point

    def _measure_point(
        self, running: Running, depth: int, rules: ProfileRules | None = None
    ) -> CurvePoint:
        longest = max(self._all_workloads, key=lambda workload: len(workload.body))
        with closing(PromptFitter(running.server.base_url)) as fitter:
            prompt = fitter.fit_text(longest.system, longest.body, depth)
        measurement = PointMeasurement(depth, prompt, rules or self.rules, self.nonces)
        point = measurement.make(running.server, running.number, running.watch, running.runner)
        failure = modes.failure_of(self.item.mode, [*point.cold, *point.cached])
        if failure and point.failure is None:
            failed = {"status": "failed", "stop_reason": "failed", "failure": failure}
            point = point.model_copy(update=failed)
        self.record.curves.append(point)
        return point

    def _not_started(self, workload: Workload, concurrency: int, error: EngineError) -> Cell:
        return Cell(
            workload=workload.slug,
            concurrency=concurrency,
            server=len(self.record.servers) - 1,
            status="failed",
            stop_reason="failed",
            failure=as_failure(error),
        )

    def _amount(self, workload: Workload, concurrency: int) -> float:
        """A cell's expected share of the work, in tokens decoded alone.

        A prompt token costs about a seventh of an output token, a stream more at
        concurrency c about half of one alone: rough, and only for the progress bar.
        """
        tokens = workload.prompt_tokens / 7 + output_tokens(workload, self.item.profile)
        waves = self.rules.warmup_waves + self.rules.min_waves
        return tokens * waves * (1 + concurrency) / 2


def chosen(workloads: list[Workload], wanted: Collection[str]) -> list[Workload]:
    """Those that are wanted, all where none is named. RecordError where one is not there."""
    if missing := set(wanted) - {workload.slug for workload in workloads}:
        raise RecordError(
            f"no workload `{min(missing)}`",
            mend=f"choose from: {', '.join(workload.slug for workload in workloads)}",
        )
    return [each for each in workloads if not wanted or each.slug in wanted]


def keep_going(running: Running, measured: Cell | CurvePoint | Trace) -> None:
    """ServerGone if the server died or hung in what was just measured, RigError if the power cap
    that was set did not hold."""
    running.record.check_cap()
    failure = measured.failure
    if failure and (failure.kind == "hang" or not running.server.alive()):
        raise ServerGone(failure)
