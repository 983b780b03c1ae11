"""What of the wanted runs is there: the campaigns against the run files."""

from collections.abc import Iterable
from pathlib import Path

from bench_pipeline.errors import RecordError
from bench_pipeline.harness.planning.plan import PlanItem, satisfied
from bench_pipeline.paths import Project
from bench_pipeline.records.rig import RigBackend
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import read_run, run_files


def missing_runs(project: Project, wanted: Iterable[PlanItem]) -> list[PlanItem]:
    """Those of `wanted` that no run file satisfies, in the same order."""
    return [item for item, path in made_runs(project, wanted).items() if path is None]


def made_runs(project: Project, wanted: Iterable[PlanItem]) -> dict[PlanItem, Path | None]:
    """For each of `wanted` the newest run file that satisfies it; None: it is missing."""
    wanted = list(wanted)
    made = {place: runs_of(project, place) for place in {item.partition for item in wanted}}
    found: dict[PlanItem, Path | None] = {}
    for item in wanted:
        fitting = [path for path, run in made[item.partition].items() if satisfied(item, [run])]
        found[item] = max(fitting, key=lambda path: path.name, default=None)
    return found


def runs_of(project: Project, place: RigBackend) -> dict[Path, Run]:
    """The valid runs of one rig and backend, by file. The asset `run_files` reports the others."""
    runs = {}
    for path in run_files(project.runs):
        if path.parts[-3:-1] == place:
            try:
                runs[path] = read_run(path)
            except RecordError:
                continue
    return runs
