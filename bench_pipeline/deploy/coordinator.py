"""The queue's view of rigs: which rig a run keeps busy, who goes first, at what hours it waits; and
on a farm, whose queue a run goes to."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import dagster as dg
from dagster._core.run_coordinator import QueuedRunCoordinator, SubmitRunContext

from bench_pipeline.errors import RecordError, RigError
from bench_pipeline.inventory.identity import this_rig
from bench_pipeline.paths import Project, checkout
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.yaml.files import read_record, read_what_can_be

RIG_TAG = "bench/rig"
QUEUE_TAG = "dagster-celery/queue"
"""Where `CeleryRunLauncher` reads which queue a run goes to."""
WHOLE_AGAIN = {"dagster/retry_strategy": "ALL_STEPS"}
"""A run that died is planned anew: what it had measured by then is found, and kept."""
PRIORITY_TAG = "dagster/priority"
"""By which Dagster takes from the queue: the highest first, then the oldest. Who set it himself is
believed."""
PERSON, SENTINEL, CAMPAIGN = "20", "10", "0"
"""One run that somebody asks for by hand; a new build's, or the week's; a backfill over many
places, and whatever automation wants."""
AUTOMATION_TAG = "dagster/from_automation_condition"
HELD_TAG, QUIET, NOT_HELD = "bench/held", "quiet hours", "no"
"""Of a queue, which launches nothing that is held (deploy/dagster.*.yaml)."""


class RigQueue(QueuedRunCoordinator):
    """Tags each partitioned run with its rig, so that the queue can run one at a time per rig.

    Launches from the UI, backfills and automation alike pass here; runs of the command line
    do not, so this is scheduling only: the lock on the rig itself is what is true.
    """

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        self.tag_with_rig(context.dagster_run, datetime.now(UTC))
        return super().submit_run(context)

    def tag_with_rig(self, run: dg.DagsterRun, now: datetime) -> None:
        """The partition is `rig` or `rig/backend`; a run without one keeps none busy but what
        `kept_busy_by_publishing` says, where automation wants it. Who publishes by hand knows what
        is measured meanwhile."""
        if key := run.tags.get("dagster/partition"):
            rig: str | None = key.partition("/")[0]
        else:
            rig = self.kept_busy_by_publishing() if AUTOMATION_TAG in run.tags else None
        if rig is not None:
            tags = {PRIORITY_TAG: priority_of(run.tags), **self.tags_for(rig, now)}
            self._instance.add_run_tags(run.run_id, tags)

    def kept_busy_by_publishing(self) -> str | None:
        """This machine, if it is a rig: what is made of the runs would be measured with them."""
        try:
            here = this_rig(read_what_can_be(Rig, checkout().rigs)[0])
        except RigError:  # two files claim it: who measures is told
            return None
        return here.slug if here else None

    def tags_for(self, rig: str, now: datetime) -> dict[str, str]:
        held = {HELD_TAG: QUIET} if is_quiet(checkout(), rig, now) else {}
        return {RIG_TAG: rig, **held}


class FarmQueue(RigQueue):
    """On a farm: and the rig's own worker takes it. What publishes is the control plane."""

    def kept_busy_by_publishing(self) -> str | None:
        return None

    def tags_for(self, rig: str, now: datetime) -> dict[str, str]:
        return {**super().tags_for(rig, now), QUEUE_TAG: queue_of(rig), **WHOLE_AGAIN}


def queue_of(rig: str) -> str:
    """Apart from the control plane's own, whatever a rig is called."""
    return f"rig.{rig}"


def priority_of(tags: Mapping[str, str]) -> str:
    """By who asks, which Dagster notes in a run's tags."""
    if PRIORITY_TAG in tags:
        return tags[PRIORITY_TAG]
    if "dagster/backfill" in tags or AUTOMATION_TAG in tags:
        return CAMPAIGN
    if "dagster/sensor_name" in tags or "dagster/schedule_name" in tags:
        return SENTINEL
    return PERSON


def is_quiet(project: Project, rig: str, now: datetime) -> bool:
    """Whether the rig's file says that it is to be left alone at this hour."""
    path = project.rigs / f"{rig}.yaml"
    try:
        return _declared(path, path.stat().st_mtime_ns).is_quiet(now)
    except (OSError, RecordError):
        return False  # the checks name one that cannot be read


@cache
def _declared(path: Path, _changed_ns: int) -> Rig:
    """Read once: who looks asks for each rig every few seconds."""
    return read_record(Rig, path)


class QuietHours:
    """Holds back what waits for a rig in its quiet hours, and lets it go after them. What is
    submitted meanwhile, the queue has held already; what was begun before goes on."""

    def __init__(self, instance: dg.DagsterInstance, project: Project) -> None:
        self._instance, self._project = instance, project
        self._quiet: set[str] = set()

    def keep(self, rigs: list[str], now: datetime) -> list[str]:
        """Once. A line for each rig whose hours began or ended."""
        quiet = {rig for rig in rigs if is_quiet(self._project, rig, now)}
        for rig in quiet - self._quiet:
            self._tag({RIG_TAG: rig}, QUIET, quiet)
        ended = self._tag({HELD_TAG: QUIET}, NOT_HELD, {*rigs} - quiet)
        lines = [f"{rig}: quiet hours, nothing is begun there" for rig in quiet - self._quiet]
        lines += [f"{rig}: its quiet hours are over" for rig in ended | (self._quiet - quiet)]
        self._quiet = quiet
        return sorted(lines)

    def _tag(self, having: dict[str, str], value: str, rigs: set[str]) -> set[str]:
        """Of which rigs runs were tagged."""
        waiting = dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED], tags=having)
        found = [run for run in self._instance.get_runs(waiting) if run.tags[RIG_TAG] in rigs]
        for run in found:
            self._instance.add_run_tags(run.run_id, {HELD_TAG: value})
        return {run.tags[RIG_TAG] for run in found}
