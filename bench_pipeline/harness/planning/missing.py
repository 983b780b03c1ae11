"""What of the wanted runs is there: the campaigns against the run files."""

from collections.abc import Iterable

from bench_pipeline.errors import RecordError
from bench_pipeline.harness.planning.plan import PlanItem, satisfied
from bench_pipeline.paths import Project
from bench_pipeline.records.rig import RigBackend
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import read_run, run_files


def missing_runs(project: Project, wanted: Iterable[PlanItem]) -> list[PlanItem]:
    """Those of `wanted` that no run file satisfies, in the same order."""
    wanted = list(wanted)
    made = {place: runs_of(project, place) for place in {item.partition for item in wanted}}
    return [item for item in wanted if not satisfied(item, made[item.partition])]


def runs_of(project: Project, place: RigBackend) -> list[Run]:
    """The valid runs of one rig and backend. The asset `run_files` reports the others."""
    runs = []
    for path in run_files(project.runs):
        if path.parts[-3:-1] == place:
            try:
                runs.append(read_run(path))
            except RecordError:
                continue
    return runs
