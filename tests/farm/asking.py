"""A run that was asked of a farm, and what becomes of it."""

from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from dagster_postgres.utils import DagsterPostgresException

from bench_pipeline.records.yaml.files import run_files
from tests.farm.machines import Farm, Rig, eventually


@dataclass
class Asked:
    """One run that was asked for, and what became of it."""

    farm: Farm
    number: int
    first: str
    """Dagster's id."""
    before: set[Path]

    def runs(self) -> list[dg.DagsterRun]:
        """It, and what Dagster asked for in its stead; nothing while Postgres restarts."""
        try:
            with self.farm.control.instance() as instance:
                found = instance.get_run_group(self.first)
                run = instance.get_run_by_id(self.first)
        except DagsterPostgresException:
            return []
        group = list(found[1]) if found else [run] if run else []
        return sorted(group, key=lambda each: each.run_id != self.first)

    def is_settled(self) -> bool:
        """All of it has ended, and nothing more is to come."""
        runs = self.runs()
        retried = {run.parent_run_id for run in runs}
        return bool(runs) and all(
            run.is_finished
            and (
                run.status is not dg.DagsterRunStatus.FAILURE
                or run.tags.get("dagster/will_retry") == "false"  # said a moment after it failed
                or run.run_id in retried
            )
            for run in runs
        )

    def home(self) -> list[Path]:
        """Its run files on the control plane."""
        return sorted(_files_of(self.farm, self.rig) - self.before)

    @property
    def rig(self) -> Rig:
        return self.farm.rigs[self.number]

    def on_rig(self) -> set[Path]:
        return {
            path
            for path in run_files(self.rig.project.runs)
            if path.name not in {each.name for each in self.before}
        }

    def until_measured_on(self) -> None:
        eventually(self.rig.engines, "an engine at work", self.farm)


def ask(farm: Farm, model: str, number: int = 0) -> Asked:
    """Of the rig of that number, a run that is to be made whatever is there."""
    rig = farm.rigs[number]
    before = _files_of(farm, rig)
    wanted = {"models": [model], "profile": "quick", "concurrencies": [1], "remeasure": True}
    place = f"{rig.slug}/cpu"
    first = farm.control.launch("measure", ["benchmark_runs"], place, benchmark_runs=wanted)
    return Asked(farm, number, first, before)


def _files_of(farm: Farm, rig: Rig) -> set[Path]:
    return set(run_files(farm.control.project.runs / rig.slug))
