"""What a farm does, for people: each rig, what it has in hand, what waits for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from bench_pipeline.deploy.coordinator import RIG_TAG
from bench_pipeline.errors import BenchError
from bench_pipeline.farm.beats import Beat, database_time, last_beats
from bench_pipeline.farm.joining import clock_warning
from bench_pipeline.farm.watch import STALE_S

_OURS = BenchError.__module__
_UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


@dataclass(frozen=True)
class RigStatus:
    rig: str
    state: str
    """`alive`, `silent`, `stopped` or `never seen`."""
    seen: str
    """When it last gave a sign of life, and since when this worker runs."""
    doing: str
    waiting: int
    """Runs that are asked of it and not begun."""
    commit: str
    builds: str
    remarks: tuple[str, ...]


def farm_status(
    instance: dg.DagsterInstance, rigs: list[str], our_commit: str | None
) -> Iterator[RigStatus]:
    """Of each of `rigs`, in that order. `our_commit`: the control plane's."""
    beats, now = last_beats(instance, rigs), database_time(instance)
    runs = instance.get_runs(dg.RunsFilter(statuses=list(_UNFINISHED)))
    for rig in rigs:
        of_rig = [run for run in runs if run.tags.get(RIG_TAG) == rig]
        begun = [run for run in of_rig if run.status is dg.DagsterRunStatus.STARTED]
        waiting = len(of_rig) - len(begun)
        doing = ", ".join(run.tags.get("dagster/partition", run.job_name) for run in begun)
        beat = beats.get(rig)
        if beat is None:
            yield RigStatus(rig, "never seen", "-", doing or "-", waiting, "-", "-", ())
            continue
        yield RigStatus(
            rig,
            state_of(beat, now),
            f"{_ago(now - beat.at)}, since {_utc(beat.since)}",
            doing or "nothing",
            waiting,
            beat.commit[:12],
            ", ".join(beat.builds) or "none",
            tuple(remarks(beat, our_commit)),
        )


def state_of(beat: Beat, now: float) -> str:
    if beat.left:
        return "stopped"
    return "alive" if now - beat.at < STALE_S else "silent"


def remarks(beat: Beat, our_commit: str | None) -> Iterator[str]:
    """What is not as it should be with a rig that speaks."""
    if our_commit and beat.commit != our_commit:
        yield f"its checkout is at {beat.commit[:12]}, the control plane's at {our_commit[:12]}"
    if warning := clock_warning(beat.clock_ahead_s):
        yield warning
    if beat.unconfirmed:
        yield f"{beat.unconfirmed} run files are not home yet"


def last_failures(instance: dg.DagsterInstance, count: int = 5) -> list[str]:
    """What was lost or failed on rigs of late, newest first."""
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE])
    lines: list[str] = []
    for run in instance.get_runs(failed, limit=4 * count):
        if RIG_TAG not in run.tags or len(lines) == count:
            continue
        why = _failed_step(instance, run.run_id) or _last_words(instance, run.run_id) or "failed"
        again = run.tags.get("dagster/auto_retry_run_id")
        then = f"; asked for once more as {again[:8]}" if again else ""
        place = run.tags.get("dagster/partition", run.job_name)
        lines.append(f"{run.run_id[:8]} {place}: {why}{then}")
    return lines


def _failed_step(instance: dg.DagsterInstance, run_id: str) -> str | None:
    """The first that failed, and what was wrong in one line: of errors that caused each other, the
    first one's."""
    event = _event(instance, run_id, dg.DagsterEventType.STEP_FAILURE, ascending=True)
    if event is None or event.step_failure_data.error is None:
        return None
    error = event.step_failure_data.error
    while error.cause is not None:
        error = error.cause
    words = (error.message.strip().splitlines() or ["failed"])[0]
    return f"{event.step_key}: {words.removeprefix(f'{_OURS}.{error.cls_name}: ')}"


def _last_words(instance: dg.DagsterInstance, run_id: str) -> str | None:
    event = _event(instance, run_id, dg.DagsterEventType.RUN_FAILURE, ascending=False)
    return event.message if event else None


def _event(
    instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType, *, ascending: bool
) -> dg.DagsterEvent | None:
    found = instance.get_records_for_run(run_id, of_type=kind, limit=1, ascending=ascending)
    return found.records[0].event_log_entry.dagster_event if found.records else None


def _ago(seconds: float) -> str:
    return f"{seconds:.0f} s ago" if seconds < 120 else f"{seconds / 60:.0f} min ago"


def _utc(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
