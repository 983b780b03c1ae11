"""The queue's view of rigs: which rig a run keeps busy, and on a farm, whose queue it goes to."""

import dagster as dg
from dagster._core.run_coordinator import QueuedRunCoordinator, SubmitRunContext

RIG_TAG = "bench/rig"
QUEUE_TAG = "dagster-celery/queue"
"""Where `CeleryRunLauncher` reads which queue a run goes to."""
WHOLE_AGAIN = {"dagster/retry_strategy": "ALL_STEPS"}
"""A run that died is planned anew: what it had measured by then is found, and kept."""


class RigQueue(QueuedRunCoordinator):
    """Tags each partitioned run with its rig, so that the queue can run one at a time per rig.

    Launches from the UI, backfills and automation alike pass here; runs of the command line
    do not, so this is scheduling only: the lock on the rig itself is what is true.
    """

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        self.tag_with_rig(context.dagster_run)
        return super().submit_run(context)

    def tag_with_rig(self, run: dg.DagsterRun) -> None:
        """The partition is `rig` or `rig/backend`; a run without one keeps no rig busy."""
        if key := run.tags.get("dagster/partition"):
            rig, _, _backend = key.partition("/")
            self._instance.add_run_tags(run.run_id, self.tags_for(rig))

    def tags_for(self, rig: str) -> dict[str, str]:
        return {RIG_TAG: rig}


class FarmQueue(RigQueue):
    """On a farm: and the rig's own worker takes it."""

    def tags_for(self, rig: str) -> dict[str, str]:
        return {RIG_TAG: rig, QUEUE_TAG: queue_of(rig), **WHOLE_AGAIN}


def queue_of(rig: str) -> str:
    """Apart from the control plane's own, whatever a rig is called."""
    return f"rig.{rig}"
