"""What a rig was at each time that it ran: kernel, drivers, power caps, builds, all the rest.

A value was there from the first run that saw it to the last one before another was seen. When in
between two such runs it changed, nobody knows. A build counts from its first run until a newer
one comes: there is nothing unknown about what a run ran.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bench_pipeline.site import wording
from bench_pipeline.site.rigs.history import (
    differing,
    first_runs_of_builds,
    label,
    leaves,
    words,
)
from bench_pipeline.site.source import Row

WATCHED = ("os.kernel", "driver", "power_cap_w")
"""Each has a lane of its own, a GPU's by the name within it. The rest of the machine has one."""


@dataclass(frozen=True)
class Span:
    """A value, and the first and the last run that saw it before another was seen."""

    value: str
    first: datetime
    last: datetime


@dataclass(frozen=True)
class Lane:
    name: str
    spans: tuple[Span, ...]
    """In order of time, at least one."""
    now: str
    """What the last run saw."""
    summary: str
    """How often it changed, and to what."""

    @property
    def title(self) -> str:
        return f"{self.name[:1].upper()}{self.name[1:]}"


@dataclass(frozen=True)
class Timeline:
    runs: tuple[datetime, ...]
    """Oldest first; the first and the last are at different times."""
    lanes: tuple[Lane, ...]

    @property
    def summary(self) -> str:
        """One sentence: what a screen reader gets instead of the drawing."""
        first, last = wording.moment(self.runs[0]), wording.moment(self.runs[-1])
        told = "; ".join(lane.summary for lane in self.lanes)
        return (
            f"Time line of {wording.counted(len(self.runs), 'run')} from {first} to {last}: {told}."
        )


def timeline_of(runs: Sequence[Row]) -> Timeline | None:
    """None where all runs were at one moment. `runs`: of one rig, as `dated` orders them."""
    if not runs or runs[0]["started_at"] == runs[-1]["started_at"]:
        return None
    seen = [(run["started_at"], leaves(run["inventory_key"])) for run in runs]
    lanes = [*_watched(seen), *_builds(runs), *_rest(seen)]
    return Timeline(tuple(when for when, _ in seen), tuple(lanes))


_Seen = Sequence[tuple[datetime, dict[str, Any]]]
"""When a run began, and what it found, by path."""


def _watched(seen: _Seen) -> list[Lane]:
    """One lane for GPUs that were always alike."""
    paths = dict.fromkeys(path for _, found in seen for path in found)
    lanes: dict[tuple[str, tuple[Span, ...]], list[str]] = {}
    for key in WATCHED:
        for path in (path for path in paths if _key(path) == key):
            lanes.setdefault((key, _spans(seen, _value_of(path))), []).append(path)
    return [_lane(label(alike, paths), spans) for (_, spans), alike in lanes.items()]


def _lane(name: str, spans: tuple[Span, ...]) -> Lane:
    now = spans[-1].value
    summary = f"{name} {_times(spans)}, last to {now}" if len(spans) > 1 else f"{name} always {now}"
    return Lane(name, spans, now, summary)


def _times(spans: Sequence[Span]) -> str:
    """Every value but the first one is a change."""
    return "changed once" if len(spans) == 2 else f"changed {len(spans) - 1:,} times"


def _key(path: str) -> str:
    return path.split(".", 2)[2] if path.startswith("gpus.") else path


def _value_of(path: str) -> Callable[[dict[str, Any]], str]:
    return lambda found: words(path, found)


def _spans(seen: _Seen, value_of: Callable[[dict[str, Any]], str]) -> tuple[Span, ...]:
    spans: list[Span] = []
    for when, found in seen:
        value = value_of(found)
        if spans and spans[-1].value == value:
            spans[-1] = Span(value, spans[-1].first, when)
        else:
            spans.append(Span(value, when, when))
    return tuple(spans)


def _builds(runs: Sequence[Row]) -> Iterable[Lane]:
    """A lane for each backend, from its first run to its last."""
    new_builds = first_runs_of_builds(runs)
    for backend in sorted({run["backend"] for run in runs}):
        own = [run for run in runs if run["backend"] == backend]
        firsts = [
            run
            for run in own
            if (new := new_builds.get(run["run_id"])) is not None and new.replaces
        ]
        several = len({run["engine"] for run in firsts}) > 1
        ends = [*(run["started_at"] for run in firsts[1:]), own[-1]["started_at"]]
        spans = tuple(
            Span(
                f"{run['engine']} {run['build']}" if several else run["build"],
                run["started_at"],
                end,
            )
            for run, end in zip(firsts, ends, strict=True)
        )
        yield _lane(f"{wording.backend_name(backend)} build", spans)


def _rest(seen: _Seen) -> Iterable[Lane]:
    """One lane for all else that the runs read, if any of it ever changed."""
    spans: list[Span] = []
    known: dict[str, Any] = {}
    for when, found in seen:
        rest = {path: value for path, value in found.items() if _key(path) not in WATCHED}
        if spans and not differing(known, rest):
            spans[-1] = Span(spans[-1].value, spans[-1].first, when)
        else:
            spans.append(Span(_named(known, rest) if spans else "", when, when))
        known = rest
    if len(spans) > 1:
        last = f"last: {spans[-1].value}"
        yield Lane("other parts", tuple(spans), last, f"other parts {_times(spans)}, {last}")


def _named(before: dict[str, Any], after: dict[str, Any]) -> str:
    """What of it is another now: `memory`, `5 things`."""
    everything = {**before, **after}
    changed = differing(before, after)
    if len(changed) > 1:
        return f"{len(changed)} things"
    return label(changed, everything)
