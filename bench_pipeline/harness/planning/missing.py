"""What of the wanted runs is there: the campaigns against the run files."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench_pipeline.errors import RecordError
from bench_pipeline.harness.planning.plan import PlanItem, satisfied
from bench_pipeline.paths import Project
from bench_pipeline.records.rig import RigBackend
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import read_run, run_files

Runs = Mapping[Path, Run]


def missing_runs(project: Project, wanted: Iterable[PlanItem]) -> list[PlanItem]:
    """Those of `wanted` that no run file satisfies, in the same order."""
    return [item for item, path in made_runs(project, wanted).items() if path is None]


def made_runs(project: Project, wanted: Iterable[PlanItem]) -> dict[PlanItem, Path | None]:
    """For each of `wanted` the newest run file that satisfies it; None: it is missing."""
    wanted = list(wanted)
    return made_of(readable_runs(project, {item.partition for item in wanted}), wanted)


def made_of(runs: Runs, wanted: Iterable[PlanItem]) -> dict[PlanItem, Path | None]:
    """As `made_runs`, of `runs` that were read already."""
    alike: dict[tuple[str, ...], list[tuple[Path, Run]]] = defaultdict(list)
    for path, run in runs.items():
        alike[run.rig, run.backend, run.model.sha256 or ""].append((path, run))
    found: dict[PlanItem, Path | None] = {}
    for item in wanted:
        asked = alike.get((item.rig, item.backend, item.model_sha256), ())
        fitting = [path for path, run in asked if satisfied(item, [run])]
        found[item] = max(fitting, key=lambda path: path.name, default=None)
    return found


def readable_runs(project: Project, places: Iterable[RigBackend] | None = None) -> dict[Path, Run]:
    """The valid runs by file, all or those of `places`. The asset `run_files` reports others."""
    wanted = None if places is None else set(places)
    runs = {}
    for path in run_files(project.runs):
        if wanted is None or path.parts[-3:-1] in wanted:
            try:
                runs[path] = read_run(path)
            except RecordError:
                continue
    return runs
