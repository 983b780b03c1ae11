"""What becomes of models' files, as the campaign of a run says."""

from collections.abc import Iterable
from pathlib import Path

from bench_pipeline.errors import ModelError
from bench_pipeline.harness.planning.modes import draft_slug
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.models.catalogue import known_model
from bench_pipeline.models.room import make_room, remove
from bench_pipeline.paths import Project
from bench_pipeline.progress import Reporter
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.yaml.model_files import read_catalogue


def before_fetching(
    item: PlanItem, model: ModelFile, project: Project, cache: Path, reporter: Reporter
) -> None:
    """Makes room for `model` by what was not used for long, where that is the policy."""
    if item.disk_policy == "least-recently-used":
        make_room(model, cache, read_catalogue(project.models)[0].values(), reporter)


def after_making(
    item: PlanItem, left: Iterable[PlanItem], project: Project, cache: Path, reporter: Reporter
) -> None:
    """Drops the item's model where that is the policy and none of `left`, what is still to be made
    on the rig, needs it."""
    if item.disk_policy != "drop-after":
        return
    needed = {slug for other in left for slug in (other.model, draft_slug(other.mode))}
    if item.model in needed:
        return
    try:
        freed = remove(known_model(project, item.model), cache)
    except ModelError as error:
        reporter.say(str(error))
    else:
        reporter.say(f"Dropped {item.model}: nothing lacks it, {freed / 1e9:.1f} GB are free again")
