"""The command line's way through the flow: the UI's own jobs, run in this process.

Recorded in the checkout's instance, so that `make ui` shows afterwards what was made here.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError

from bench_pipeline.defs.assets.rigs import FETCHED_BYTES
from bench_pipeline.defs.assets.runs import KEPT_FILES, RUN_FILES
from bench_pipeline.deploy.instance import COMMAND_TAG, as_in_the_ui

QUIET = {"console": {"config": {"log_level": "CRITICAL"}}}
"""The terminal belongs to the reporter; every event is in the instance all the same."""


@dataclass
class Outcome:
    """What came of the jobs that were launched.

    seconds          by asset; those of its checks under `checks`
    failed_checks    name and description
    fetched_bytes    engines and models that were not on this disk before
    run_files        just written, relative to the folder of runs
    kept_files       there already, so that what was wanted was not made
    """

    seconds: dict[str, float] = field(default_factory=dict)
    failed_checks: list[tuple[str, str]] = field(default_factory=list)
    run_files: list[str] = field(default_factory=list)
    kept_files: list[str] = field(default_factory=list)
    fetched_bytes: int = 0

    def slowest_first(self) -> list[tuple[str, float]]:
        return sorted(self.seconds.items(), key=lambda stage: -stage[1])


class Flow:
    def __init__(self, definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
        self._definitions, self._instance = definitions, instance
        self.outcome = Outcome()

    def launch(
        self,
        job: str,
        partition: str | None = None,
        ops: Mapping[str, Any] | None = None,
        only: Sequence[str] = (),
    ) -> None:
        """Runs one job, or `only` these assets of it, to its end. An asset's own exception comes
        out as it was raised; a blocking check that failed is not an exception but stands in
        `outcome`. Interrupted, the run is a canceled one, and KeyboardInterrupt comes out."""
        run_id = str(uuid.uuid4())
        failed_before = len(self.outcome.failed_checks)
        try:
            with as_in_the_ui(self._instance, job):
                self._definitions.resolve_job_def(job).execute_in_process(
                    run_config={"loggers": QUIET, "ops": dict(ops or {})},
                    instance=self._instance,
                    partition_key=partition,
                    run_id=run_id,
                    asset_selection=[dg.AssetKey(name) for name in only] or None,
                    tags={COMMAND_TAG: "bench"},
                )
        except (KeyboardInterrupt, DagsterExecutionInterruptedError):
            if run := self._instance.get_run_by_id(run_id):
                self._instance.report_run_canceled(run, "Interrupted with Ctrl-C.")
            raise KeyboardInterrupt from None
        except dg.DagsterError:
            self._take_in(run_id)
            if len(self.outcome.failed_checks) == failed_before:
                raise
        else:
            self._take_in(run_id)

    def _take_in(self, run_id: str) -> None:
        graph = self._definitions.resolve_asset_graph()
        for entry in self._instance.all_logs(run_id):
            event = entry.dagster_event
            if event is None:
                continue
            if event.event_type == dg.DagsterEventType.STEP_SUCCESS:
                name = (event.step_key or "").split(".")[0]
                stage = name if graph.has(dg.AssetKey(name)) else "checks"
                seconds = event.step_success_data.duration_ms / 1000
                self.outcome.seconds[stage] = self.outcome.seconds.get(stage, 0) + seconds
            elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                check = event.asset_check_evaluation_data
                if not check.passed:
                    self.outcome.failed_checks.append((check.check_name, check.description or ""))
            elif event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
                metadata = event.materialization.metadata
                fetched = metadata.get(FETCHED_BYTES)
                if isinstance(fetched, dg.IntMetadataValue):
                    self.outcome.fetched_bytes += fetched.value or 0
                self.outcome.run_files += _listed(metadata.get(RUN_FILES))
                self.outcome.kept_files += _listed(metadata.get(KEPT_FILES))


def _listed(value: object) -> list[str]:
    data = value.data if isinstance(value, dg.JsonMetadataValue) else None
    return [str(each) for each in data] if isinstance(data, list) else []
