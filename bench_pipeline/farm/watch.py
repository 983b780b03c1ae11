"""Runs whose rig is gone: they end as failed, so that Dagster asks for them once more.

Celery tells a task that runs from one whose worker was killed no better than Dagster does: both
look begun for ever. What tells them apart is what the rig says it has in hand.
"""

from collections.abc import Callable
from dataclasses import dataclass

import dagster as dg

from bench_pipeline.deploy.coordinator import RIG_TAG, queue_of
from bench_pipeline.farm.beats import BEAT_S, Beat, database_time, last_beats
from bench_pipeline.farm.queues import CONTROL_QUEUE

STALE_S = 4 * BEAT_S
"""A rig that was silent for so long may have been cut off; it is not given up yet."""
VANISHED_S = 40 * BEAT_S
"""After which (ten minutes) a silent rig's run is given up. A cut of minutes is none."""

HANDOVER_S = 60.0
"""What a run may take from the control plane's hand into the queue, and from there into a list of
its rig's: a busy machine takes seconds."""

_IN_HAND = (
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


@dataclass(frozen=True)
class Launched:
    """A run that was handed to a rig."""

    is_begun: bool
    changed_at: float
    """Since when it is known to be so, by the database's clock."""
    is_queued: bool
    """Its rig has not taken it from the queue yet."""


def why_lost(
    run_id: str, run: Launched, beat: Beat | None, now: float, vanished_s: float = VANISHED_S
) -> str | None:
    """None: it is on its way. `now` and all times: seconds by the database's clock."""
    if run.is_queued:
        return None  # its rig is off, or has something else in hand
    if beat is None:
        silent_s = now - run.changed_at
        return _gone(silent_s) if silent_s > vanished_s else None
    if run_id in beat.runs and not beat.left:
        silent_s = now - beat.at
        return _gone(silent_s) if silent_s > vanished_s else None
    # The rig has spoken since, and knows nothing of it.
    if run.is_begun and beat.at > run.changed_at + 2 * BEAT_S:
        return "its rig's worker does not have it any more: it was killed, or lost its power"
    if not run.is_begun and beat.at > run.changed_at + HANDOVER_S:
        return "it was in no queue and in no worker's hand: the queue lost it"
    silent_s = now - max(beat.at, run.changed_at)
    return _gone(silent_s) if silent_s > vanished_s else None


def why_lost_here(run: Launched, now: float, vanished_s: float = VANISHED_S) -> str | None:
    """Of a run on no rig. That the control plane's own worker ended is seen by who started it."""
    if run.is_begun or run.is_queued or now - run.changed_at <= vanished_s:
        return None
    return "it was in no queue, and nothing began it: the queue lost it"


def _gone(silent_s: float) -> str:
    return f"its rig has given no sign for {silent_s / 60:.0f} minutes"


class Watch:
    """Over the runs that are in hand. Remembers since when it has known each as it is: what
    Dagster notes was written by the clock of whoever changed it."""

    def __init__(self, instance: dg.DagsterInstance, vanished_s: float = VANISHED_S) -> None:
        self._instance, self._vanished_s = instance, vanished_s
        self._known: dict[tuple[str, str, bool], float] = {}

    def end_lost_runs(self, waiting: Callable[[list[str]], dict[str, set[str]]]) -> dict[str, str]:
        """Why, by run. `waiting`: ids of the Dagster runs that wait in Redis, by queue."""
        runs = self._instance.get_runs(dg.RunsFilter(statuses=list(_IN_HAND)))
        rigs = sorted({run.tags[RIG_TAG] for run in runs if RIG_TAG in run.tags})
        if not runs:
            self._known = {}
            return {}
        queued = waiting([CONTROL_QUEUE, *map(queue_of, rigs)])
        beats, now = last_beats(self._instance, rigs), database_time(self._instance)
        known, ended = {}, {}
        for run in runs:
            rig = run.tags.get(RIG_TAG)
            is_queued = run.run_id in queued[queue_of(rig) if rig else CONTROL_QUEUE]
            state = (run.run_id, run.status.value, is_queued)
            known[state] = self._known.get(state, now)
            is_begun = run.status is not dg.DagsterRunStatus.STARTING
            launched = Launched(is_begun, known[state], is_queued)
            if rig:
                why = why_lost(run.run_id, launched, beats.get(rig), now, self._vanished_s)
            else:
                why = why_lost_here(launched, now, self._vanished_s)
            if why is None:
                continue
            fresh = self._instance.get_run_by_id(run.run_id)
            if fresh is not None and fresh.status in _IN_HAND:
                self._instance.report_run_failed(run, f"Lost: {why}.")
                ended[run.run_id] = f"on {rig}: {why}" if rig else f"here: {why}"
        self._known = known
        return ended


def end_runs_of_no_rig(instance: dg.DagsterInstance) -> None:
    """As the control plane's worker starts: what the one before had in hand ended with it. Rigs go
    on."""
    begun = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    for run in instance.get_runs(dg.RunsFilter(statuses=begun)):
        if RIG_TAG not in run.tags:
            instance.report_run_failed(run, "Lost: what ran this on the control plane ended.")
