"""How long a missing run takes: from the run that is most like it.

A run's time is made of waves, each of prompts that are read and tokens that are written. How long a
token takes follows from a like run: what of it the memory's bandwidth explains grows with the bytes
that a token reads, the rest stays. By how much the like run took longer than these parts add up to,
this one will too. All of it is rough: a factor of two is what it is good for.
"""

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import log
from statistics import linear_regression, mean, median

from bench_pipeline.harness.planning.duration import CLIMBED, Shape, Speed, seconds, shape_of
from bench_pipeline.harness.planning.ladder import STEPS
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.harness.planning.profiles import PROFILES
from bench_pipeline.records.campaign import Profile
from bench_pipeline.records.cell import Cell
from bench_pipeline.records.engines import Sentinel
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import Backend, plain_backend
from bench_pipeline.records.run import LLAMA_CPP, Run
from bench_pipeline.records.workload import Conversation, Workload

SLACK = (0.5, 3.0)
"""By what factor of its parts a run may be thought to take longer, at most."""
ASSUMED_BYTES_S: Mapping[Backend, float] = {"cpu": 20e9}
ASSUMED_CARD_BYTES_S = 300e9
"""What is thought of the memory where no run tells: two channels, a card of the middle."""
ASSUMED_TOKEN_S = 1e-3
"""What a token takes besides, where no run tells: launches, sampling, the stream."""
PROMPT_SHARE = 1 / 7
"""What a prompt's token takes of an output token's time, where no run tells."""
HOUR_S = 3600
A_GUESS = "a guess: no run is like it"
_ACTIVE = re.compile(r"(?P<all>\d+(?:\.\d+)?)b-a(?P<active>\d+(?:\.\d+)?)b", re.IGNORECASE)
_CANDIDATES = 50


def bytes_per_token(model: ModelFile) -> float:
    """Of the weights; of a mixture of experts whose name tells how many are active, of these."""
    active = _ACTIVE.search(model.variant) or _ACTIVE.search(model.slug)
    share = float(active["active"]) / float(active["all"]) if active else 1.0
    return model.size_bytes * min(1.0, share)


def took_s(run: Run) -> float:
    """From its start to its end; 0 where nobody noted them."""
    if run.started_at is None or run.finished_at is None:
        return 0.0
    return (run.finished_at - run.started_at).total_seconds()


@dataclass(frozen=True)
class Known:
    """A measured run as a yardstick."""

    run: Run

    @property
    def bandwidth_bytes_s(self) -> float | None:
        return max((each.bytes_per_s for each in self.run.bandwidth), default=None)

    @property
    def shape(self) -> Shape:
        """As it was measured: older runs lack parts."""
        run = self.run
        cells = [cell for cell in run.cells if cell.requests]
        found = {cell.workload: _shape_of(cell) for cell in cells}
        return Shape(
            profile=run.profile or "full",
            concurrencies=tuple(dict.fromkeys(cell.concurrency for cell in cells)),
            shapes=tuple(found.values()),
            depths=tuple(point.depth_tokens for point in run.curves),
            bare=bool(run.bare_engine and run.bare_engine.tests),
            closing=run.closing is not None,
        )

    @cached_property
    def speed(self) -> Speed | None:
        """None where no stream was alone."""
        alone = {c.workload: c for c in self.run.cells if c.concurrency == 1 and c.requests}
        if not alone:
            return None
        requests = [request for cell in alone.values() for request in cell.requests]
        crowds: dict[int, list[float]] = defaultdict(list)
        for cell in self.run.cells:
            if cell.requests and cell.workload in alone:
                crowds[cell.concurrency].append(_wave_s(cell) / _wave_s(alone[cell.workload]))
        far = [r.prompt_tokens + r.output_tokens / 2 for r in requests]
        each_s = [r.decode_ms / max(1, r.received_tokens - 1) / 1e3 for r in requests]
        grows = len(set(far)) > 1
        return Speed(
            far_tokens=median(far),
            growth_s=max(0.0, linear_regression(far, each_s).slope) if grows else 0.0,
            token_s=median(each_s),
            prompt_token_s=median(r.ttft_ms / r.prompt_tokens for r in requests) / 1e3,
            waves=mean(self._waves(c) for c in self.run.cells if c.requests),
            crowd={concurrency: median(found) for concurrency, found in crowds.items()},
        )

    def _waves(self, cell: Cell) -> float:
        """That it takes where time is no limit; one whose time was used up would have gone on, and
        of a quick one nobody knows."""
        rules = PROFILES["full"]
        if self.run.profile == "quick":
            return (rules.min_waves + rules.max_waves) / 2
        return rules.max_waves if cell.stop_reason == "budget" else _counted(cell)

    @cached_property
    def slack(self) -> float:
        """How much longer it took than its parts; of a session's run nobody knows."""
        if self.run.session is not None or self.speed is None:
            return 1.0
        parts_s = seconds(self.shape, self.speed, self.run.model.size_bytes or 0)
        return min(max(took_s(self.run) / parts_s, SLACK[0]), SLACK[1])

    @property
    def yardstick(self) -> "Yardstick":
        run, ladder = self.run, self.run.ladder
        return Yardstick(
            run_id=run.run_id,
            rig=run.rig,
            backend=run.backend,
            model=run.model.slug,
            model_sha256=run.model.sha256,
            size_bytes=run.model.size_bytes,
            profile=run.profile,
            in_session=run.session is not None,
            took_s=took_s(run),
            bandwidth_bytes_s=self.bandwidth_bytes_s,
            steps=len(ladder.concurrencies) if ladder else None,
            climbed=ladder is not None and ladder.ended != "asked",
            speed=self.speed,
            slack=self.slack,
            engine=run.engine.name,
        )


@dataclass(frozen=True)
class Yardstick:
    """What of a measured run others are estimated by. `steps`: concurrencies of its ladder;
    `climbed`: whether it went up to the knee."""

    run_id: str
    rig: str
    backend: str
    model: str
    model_sha256: str | None
    size_bytes: int | None
    profile: Profile | None
    in_session: bool
    took_s: float
    bandwidth_bytes_s: float | None
    steps: int | None
    climbed: bool
    speed: Speed | None
    slack: float
    engine: str = LLAMA_CPP


def _shape_of(cell: Cell) -> tuple[int, int]:
    first = cell.requests[0]
    return first.prompt_tokens, first.output_tokens


def _counted(cell: Cell) -> float:
    return len(cell.requests) / cell.concurrency


def _wave_s(cell: Cell) -> float:
    return median(request.end_to_end_ms for request in cell.requests) / 1e3


@dataclass(frozen=True)
class Estimate:
    """`basis`: in words, from what."""

    seconds: float
    basis: str


class Estimator:
    """Asked for many items; `runs`: all that are known, or yardsticks of those that were measured
    whole, newest first."""

    def __init__(
        self,
        runs: Collection[Run] | Collection[Yardstick],
        models: Mapping[str, ModelFile],
        workloads: Iterable[Workload],
        sentinel: Sentinel | None,
        scripts: Iterable[Conversation] = (),
    ) -> None:
        self.scripts = list(scripts)
        self.models, self.workloads, self.sentinel = models, list(workloads), sentinel
        self._shapes: dict[tuple[object, ...], Shape] = {}
        self._sessions: dict[tuple[str, str], Yardstick] = {}
        self._places: dict[tuple[str, ...], list[Yardstick]] = defaultdict(list)
        self._bandwidths: dict[tuple[str, Backend], float] = {}
        for known in _yardsticks(runs):
            plain = plain_backend(known.backend)
            place = known.rig, plain
            if known.bandwidth_bytes_s:
                self._bandwidths.setdefault(place, known.bandwidth_bytes_s)
            if known.in_session:
                self._sessions.setdefault((known.rig, known.backend), known)
            if known.speed is not None:
                for key in ((known.rig, known.backend, ""), place, (plain,)):
                    self._places[key].append(known)

    def of(self, item: PlanItem, shape: Shape | None = None) -> Estimate:
        """`shape`: another one than the item's."""
        if item.beside and self.sentinel is not None:
            if known := self._sessions.get((item.rig, item.backend)):
                return Estimate(known.took_s, f"as the session of {known.run_id}")
            return Estimate(self.sentinel.budget_s * 1.1, "by the session's budget")
        model = self.models[item.model]
        shape = shape or self._shape(item)
        known = self._like(item, model)
        if known is None:
            speed = self._assumed(item, model)
            return Estimate(seconds(shape, speed, model.size_bytes), A_GUESS)
        speed = self._scaled(known, item, model)
        to_the_knee = item.concurrencies == "knee" and shape.concurrencies == STEPS[:CLIMBED]
        if to_the_knee and known.climbed and known.profile == item.profile:
            shape = replace(shape, concurrencies=STEPS[: known.steps])
        found_s = seconds(shape, speed, model.size_bytes) * known.slack
        told = f"from {known.run_id}: {known.model} on {known.rig}/{known.backend}"
        return Estimate(found_s, told)

    def _shape(self, item: PlanItem) -> Shape:
        sizes = item.profile, item.concurrencies, item.workloads, item.mode
        asked = *sizes, item.parts, item.depths, item.draws_curve
        if asked not in self._shapes:
            self._shapes[asked] = shape_of(item, self.workloads, self.scripts)
        return self._shapes[asked]

    def _like(self, item: PlanItem, model: ModelFile) -> Yardstick | None:
        """Of the same place, else of another setup there, else of the same backend elsewhere; among
        these of the same engine, model and profile, else of the nearest size."""
        plain = plain_backend(item.backend)
        here: Sequence[tuple[str, ...]] = ((item.rig, item.backend, ""), (item.rig, plain))
        found = next((self._places[key] for key in (*here, (plain,)) if key in self._places), [])

        engine = item.engine

        def unlike(known: Yardstick) -> tuple[bool, bool, bool, float, bool]:
            size = known.size_bytes or model.size_bytes
            return (
                known.engine != engine,
                known.in_session,
                known.model_sha256 != model.sha256,
                abs(log(size / model.size_bytes)),
                known.profile != item.profile or known.steps is None,
            )

        return min(found[:_CANDIDATES], key=unlike, default=None)

    def _scaled(self, known: Yardstick, item: PlanItem, model: ModelFile) -> Speed:
        speed = known.speed
        assert speed is not None
        theirs: float = known.size_bytes or model.size_bytes
        if (entry := self.models.get(known.model)) and entry.sha256 == known.model_sha256:
            theirs = bytes_per_token(entry)
        ratio = bytes_per_token(model) / theirs
        there = known.bandwidth_bytes_s
        here = self._bandwidths.get((item.rig, plain_backend(item.backend)))
        if there and here and known.rig != item.rig:
            ratio *= there / here
        explained = theirs / there if there else speed.token_s
        explained = explained if explained < speed.token_s else speed.token_s
        return Speed(
            token_s=speed.token_s - explained + explained * ratio,
            prompt_token_s=speed.prompt_token_s * ratio,
            waves=speed.waves,
            crowd=speed.crowd,
            far_tokens=speed.far_tokens,
            growth_s=speed.growth_s,
        )

    def _assumed(self, item: PlanItem, model: ModelFile) -> Speed:
        plain = plain_backend(item.backend)
        assumed = ASSUMED_BYTES_S.get(plain, ASSUMED_CARD_BYTES_S)
        token_s = bytes_per_token(model) / self._bandwidths.get((item.rig, plain), assumed)
        token_s += ASSUMED_TOKEN_S
        rules = PROFILES[item.profile]
        waves = (rules.min_waves + rules.max_waves) / 2
        return Speed(token_s, token_s * PROMPT_SHARE, waves, {})


def yardstick_of(text: str) -> Yardstick:
    """Of its JSON, as `dataclasses.asdict` gives it."""
    known = json.loads(text)
    if speed := known["speed"]:
        speed["crowd"] = {int(streams): longer for streams, longer in speed["crowd"].items()}
        known["speed"] = Speed(**speed)
    return Yardstick(**known)


def lasting(seconds: float) -> str:
    """`40 s`, `12 min`, `3.5 h`: an estimate has no more digits."""
    if seconds < 90:
        return f"{max(1, round(seconds / 10)) * 10} s"
    return f"{round(seconds / 60)} min" if seconds < 1.5 * HOUR_S else f"{seconds / HOUR_S:.1f} h"


def _yardsticks(runs: Collection[Run] | Collection[Yardstick]) -> list[Yardstick]:
    """Newest first."""
    made = [each for each in runs if isinstance(each, Yardstick)]
    whole = [
        run
        for run in runs
        if isinstance(run, Run) and run.provenance == "measured" and run.status == "ok"
    ]
    newest_first = sorted(whole, key=lambda run: str(run.started_at), reverse=True)
    return made + [Known(run).yardstick for run in newest_first]
