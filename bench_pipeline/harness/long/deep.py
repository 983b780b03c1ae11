"""A curve to where the model, the memory or the time ends.

One server has room for the longest prompt; where it does not start for lack of memory, that length
has failed and the next shorter one is tried. Short prompts come first: by what they took, the next
one's time is known before it is begun.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

from bench_pipeline.errors import EngineError
from bench_pipeline.harness.planning.depths import (
    Memory,
    context_for,
    depths_for,
    expected_s,
    without_room,
    without_time,
)
from bench_pipeline.harness.planning.profiles import ProfileRules
from bench_pipeline.harness.run_record import RunRecord
from bench_pipeline.harness.serving import Running, Serving, as_failure
from bench_pipeline.models.context import Context
from bench_pipeline.progress import PART, Reporter
from bench_pipeline.records.cell import CurvePoint
from bench_pipeline.records.run import DepthLeftOut

MIB = 2**20
MeasurePoint = Callable[[Running, int, ProfileRules], CurvePoint]


class DeepCurve:
    """`measure_point` keeps the point in the run's record, and raises if the server is gone."""

    def __init__(
        self,
        serving: Serving,
        rules: ProfileRules,
        context: Context,
        what: str,
        measure_point: MeasurePoint,
    ) -> None:
        self.serving, self.rules, self.what, self.measure_point = (
            serving,
            rules,
            what,
            measure_point,
        )
        self.context = context
        self.depths, self.left_out = depths_for(
            serving.item.depths,
            rules.curve_output_tokens,
            context.trained_tokens,
            where=serving.model.slug,
        )

    @property
    def record(self) -> RunRecord:
        return self.serving.record

    def draw(self, reporter: Reporter) -> None:
        begun = time.monotonic()
        there = {point.depth_tokens for point in self.record.curves}
        depths = [depth for depth in self.depths if depth not in there]
        no_room = without_room(
            depths, self.rules.curve_output_tokens, self.context, self.serving.setup, self._memory()
        )
        depths = [d for d in depths if d not in {each.depth_tokens for each in no_room}]
        self.left_out += no_room
        self.record.depths_left_out = self.left_out
        for message in dict.fromkeys(each.message for each in self.left_out):
            lengths = [f"{d.depth_tokens:,}" for d in self.left_out if d.message == message]
            reporter.say(f"No prompt of {', '.join(lengths)} tokens: {message}")
        while depths:
            tokens = context_for(depths[-1] + self.rules.curve_output_tokens)
            servers = len(self.record.servers)
            try:
                with self.serving.serve(1, tokens, reporter) as running:
                    self._points(running, depths, begun, reporter)
                    return
            except EngineError as error:
                if error.kind != "oom":
                    if not servers:
                        raise  # it would not start for anything else either
                    self.record.curves += [self._not_drawn(depth, error) for depth in depths]
                    return
                self.record.curves.append(self._not_drawn(depths.pop(), error))

    def _points(
        self, running: Running, depths: Sequence[int], begun: float, reporter: Reporter
    ) -> None:
        rules, took_s = self.rules, list[tuple[int, float]]()
        with reporter.step(self.what, total=float(sum(depths)), unit=PART) as step:
            for depth in depths:
                each_s = expected_s(depth, took_s)
                left_s = self.rules.deep_budget_s - (time.monotonic() - begun)
                if each_s is not None and (needed_s := each_s * rules.min_waves) > left_s:
                    self._leave_out(
                        without_time(depth, needed_s, left_s, self.rules.deep_budget_s), reporter
                    )
                    continue
                step.describe(f"{self.what}: prompt of {depth:,} tokens")
                point = self.measure_point(running, depth, rules)
                step.advance(float(depth))
                if each := repetition_s(point):
                    took_s.append((depth, each))
                rules = replace(rules, warmup_waves=0)  # the server is warm from here on
                took = f": {each:,.1f} s each time" if each else ""
                reporter.say(f"prompt of {depth:,} tokens{took}")

    def _leave_out(self, depth: DepthLeftOut, reporter: Reporter) -> None:
        self.left_out.append(depth)
        reporter.say(f"No prompt of {depth.depth_tokens:,} tokens: {depth.message}")

    def _memory(self) -> Memory:
        """Where the cache will lie. A model that is laid out in two places is not judged: how much
        of what lies where, only the engine knows."""
        setup, item = self.serving.setup, self.serving.item
        size_mib = self.serving.model.size_bytes / MIB
        if item.plain_backend == "cpu":
            memory = self.record.inventory.memory
            return Memory(memory.available_mib if memory else None, size_mib)
        if setup.meant_on_cpu or setup.gpu_layers is not None:
            return Memory(None, size_mib)
        pinned = self.serving.planned_devices()
        listed = {device.id: device.free_mib for device in self.record.inventory.engine_devices}
        free = [listed.get(name) for name in pinned]
        known = [mib for mib in free if mib is not None]
        return Memory(sum(known) if known and len(known) == len(free) else None, size_mib)

    def _not_drawn(self, depth: int, error: EngineError) -> CurvePoint:
        return not_drawn(depth, error, self.rules, len(self.record.servers) - 1)


def not_drawn(depth: int, error: EngineError, rules: ProfileRules, server: int) -> CurvePoint:
    """A point whose server did not start."""
    return CurvePoint(
        depth_tokens=depth,
        server=server,
        status="failed",
        stop_reason="failed",
        failure=as_failure(error),
        output_tokens_budget=rules.curve_output_tokens,
    )


def repetition_s(point: CurvePoint) -> float | None:
    """Both requests of a repetition together; None where nothing was measured."""
    both = [
        cold.end_to_end_ms + cached.end_to_end_ms
        for cold, cached in zip(point.cold, point.cached, strict=False)
    ]
    return median(both) / 1000 if both else None
