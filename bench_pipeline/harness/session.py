"""Builds measured in turns on one machine: A B B A, until their ratio is known.

Block by block each build's server is started, warmed up, and answers a few waves of every cell
of the sentinel. There and back again is one turn: what drifts steadily while it lasts falls on
both builds alike. Each build gets a run file of its own; they share the session.
"""

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from bench_pipeline.errors import EngineError
from bench_pipeline.harness.blocks import joined
from bench_pipeline.harness.measurement import Measurement, keep_going
from bench_pipeline.harness.planning.profiles import ProfileRules
from bench_pipeline.harness.quiet import wait_until_quiet
from bench_pipeline.harness.serving import ServerGone, as_failure
from bench_pipeline.inventory.bandwidth import read_bandwidth
from bench_pipeline.measures.comparison import JUDGED, MIN_TURNS, known, ratio_of_turns, turns_of
from bench_pipeline.progress import Reporter, Step
from bench_pipeline.records.cell import Cell, Failure
from bench_pipeline.records.engines import Sentinel, build_number
from bench_pipeline.records.run import HostLoad, Ladder, Run, Session
from bench_pipeline.records.workload import Workload

WAVES_PER_BLOCK = 2
"""Few: a block's first wave follows a server's start and warm-up as its last does, and the more
turns the budget holds, the better two builds' starts are balanced."""

LEADING = ("decode_tok_s", "prefill_tok_s")
"""Of the judged figures, those whose ratios must be known before a session ends."""

Place = tuple[str, int]
"""Workload and concurrency."""


@dataclass
class Member:
    """One build of the session, and its cells block by block."""

    measurement: Measurement
    cells: dict[Place, list[Cell]] = field(default_factory=dict)
    failure: Failure | None = None

    @property
    def build(self) -> str:
        return self.measurement.engine.build

    def measured(self) -> list[Cell]:
        return [joined(blocks) for blocks in self.cells.values()]


class SessionMeasurement:
    """State of one session while it is made.

    `measurements`: one for each build, all of the same rig, backend, model and mode.
    """

    def __init__(self, measurements: Sequence[Measurement], sentinel: Sentinel) -> None:
        ordered = sorted(measurements, key=lambda m: build_number(m.engine.build))
        self.members = [Member(measurement) for measurement in ordered]
        self.sentinel = sentinel
        self.session_id = secrets.token_hex(6)
        self.order: list[str] = []
        first = ordered[0]
        self.workloads = [_named(slug, first.workloads) for slug in sentinel.workloads]
        self.rules = block_rules(first.rules)

    def make(self, reporter: Reporter) -> list[Run]:
        """A run for each build that was measured, or failed; one that fails ends the session."""
        first = self.members[0].measurement
        load = wait_until_quiet(
            first.item.plain_backend,
            reporter,
            names=first.serving.cards(),
            patience_s=first.rules.quiet_patience_s,
        )
        model = first.serving.model
        what = f"{model.family} {model.variant}, builds in turns"
        begun, ended = time.monotonic(), None
        with reporter.step(what, total=self.sentinel.budget_s, unit="s") as step:
            while ended is None:
                ended = self._turn(what, step, reporter)
                if ended is None and self._known():
                    ended = "known"
                elif ended is None and time.monotonic() - begun > self.sentinel.budget_s:
                    ended = "budget"
        return self._runs(load, ended)

    def _turn(self, what: str, step: Step, reporter: Reporter) -> str | None:
        """There and back; `failed` if a build could not go on."""
        turn = len(self.order) // (2 * len(self.members)) + 1
        for member in (*self.members, *reversed(self.members)):
            step.describe(f"{what}: turn {turn}, {member.build}")
            begun = time.monotonic()
            try:
                self._block(member, step, reporter)
            except EngineError as error:
                member.failure = as_failure(error)
            except ServerGone as gone:
                member.failure = gone.failure
            self.order.append(member.build)
            if member.failure or any(cell.failure for cell in _last(member.cells.values())):
                return "failed"
            step.advance(time.monotonic() - begun)
        return None

    def _block(self, member: Member, step: Step, reporter: Reporter) -> None:
        measurement = member.measurement
        context = measurement.context_tokens()
        for concurrency in self.sentinel.concurrencies:
            with measurement.serving.serve(concurrency, context, reporter) as running:
                for workload in self.workloads:
                    cell = measurement.measure_cell(
                        running, workload, concurrency, step, 0, self.rules
                    )
                    member.cells.setdefault((workload.slug, concurrency), []).append(cell)
                    keep_going(running, cell)

    def _known(self) -> bool:
        """Whether every ratio between two builds is known as well as a verdict needs it."""
        if len(self.order) < 2 * len(self.members) * MIN_TURNS:
            return False
        cells = [{(c.workload, c.concurrency): c for c in m.measured()} for m in self.members]
        for before, after in combinations(cells, 2):
            for place, cell in before.items():
                for name in LEADING:
                    value = JUDGED[name].of
                    ratio = ratio_of_turns(turns_of(cell, value), turns_of(after[place], value))
                    if ratio is None or not known(ratio):
                        return False
        return True

    def _runs(self, load: HostLoad, ended: str) -> list[Run]:
        runs = []
        session = {
            "session_id": self.session_id,
            "builds": [member.build for member in self.members],
            "blocks": self.order,
            "ended": ended,
        }
        bandwidth = None
        for member in self.members:
            measurement, record = member.measurement, member.measurement.record
            if not member.cells and member.failure is None:
                continue  # another build failed before its first block
            if bandwidth is None:
                bandwidth = read_bandwidth(
                    measurement.item.plain_backend,
                    record.inventory.gpus_behind(record.devices),
                    record.devices,
                    measurement.threads,
                )
            record.session = Session.model_validate(session)
            record.cells = [_stopped(cell, ended) for cell in member.measured()]
            record.ladder = Ladder(concurrencies=self.sentinel.concurrencies, ended="asked")
            record.bandwidth = bandwidth
            runs.append(record.as_run(load, member.failure))
        return runs


def block_rules(rules: ProfileRules) -> ProfileRules:
    """A block's: it does not stop by itself, the session does."""
    return replace(
        rules, min_waves=WAVES_PER_BLOCK, max_waves=WAVES_PER_BLOCK, target_half_width=None
    )


def _named(slug: str, workloads: Iterable[Workload]) -> Workload:
    found: Mapping[str, Workload] = {workload.slug: workload for workload in workloads}
    if slug not in found:
        raise EngineError(
            f"the sentinel names a workload `{slug}` that is not there",
            mend=f"correct `sentinel` in content/engines.yaml; there are {', '.join(found)}",
            where=slug,
        )
    return found[slug]


def _stopped(cell: Cell, ended: str) -> Cell:
    """A cell that did not fail ended when its session did."""
    if cell.failure:
        return cell
    known = ended == "known"
    return cell.model_copy(update={"stop_reason": "converged" if known else "budget"})


def _last(blocks: Iterable[list[Cell]]) -> list[Cell]:
    return [cells[-1] for cells in blocks]
