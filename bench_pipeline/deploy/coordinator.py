"""The queue's view of rigs: which rig a run keeps busy."""

import dagster as dg
from dagster._core.run_coordinator import QueuedRunCoordinator, SubmitRunContext

RIG_TAG = "bench/rig"


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
            self._instance.add_run_tags(run.run_id, {RIG_TAG: rig})
