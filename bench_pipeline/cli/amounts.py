"""What is wanted, made and missing, with how long the missing takes and how much it fetches."""

from collections.abc import Mapping, Sequence

from bench_pipeline.harness.planning.budget import GB, estimator, within_budget
from bench_pipeline.harness.planning.estimate import A_GUESS, lasting, took_s
from bench_pipeline.harness.planning.missing import made_of, readable_runs
from bench_pipeline.harness.planning.modes import draft_slug
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.paths import Project
from bench_pipeline.records.campaign import Campaign
from bench_pipeline.records.model import ModelFile


def tell(
    project: Project,
    wanted: Sequence[PlanItem],
    campaigns: Mapping[str, Campaign],
    models: Mapping[str, ModelFile],
) -> list[PlanItem]:
    """A line for each of `wanted`, then what they add up to on each rig. Returns those to be made
    now: missing, and within their campaign's budgets."""
    runs = readable_runs(project)
    known, made = estimator(project, runs, models), made_of(runs, wanted)
    missing = {item: known.of(item) for item, path in made.items() if path is None}
    now = within_budget(
        wanted,
        campaigns,
        models,
        made_s={item: took_s(runs[path]) for item, path in made.items() if path},
        estimate_s=lambda item: missing[item].seconds,
    )
    for item in wanted:
        if (estimate := missing.get(item)) is None:
            print(f"made     {item.told}")
            continue
        guess = f" ({A_GUESS})" if estimate.basis == A_GUESS else ""
        word = "missing" if item in now else "later  "
        print(f"{word}  {item.told}: about {lasting(estimate.seconds)}{guess}")
    left = [item for item in missing if item in now]
    for rig in dict.fromkeys(item.rig for item in left):
        own = [item for item in left if item.rig == rig]
        needed = {item.model for item in own} | {draft_slug(item.mode) for item in own}
        size = sum(model.size_bytes for slug, model in models.items() if slug in needed)
        time = lasting(sum(missing[item].seconds for item in own))
        print(f"{rig}: {len(own)} to make, about {time}; {size / GB:.2f} GB of models")
    later = len(missing) - len(left)
    beyond = f", {later} of them beyond a campaign's budget" if later else ""
    counts = f"{len(wanted)} wanted, {len(wanted) - len(missing)} made, {len(missing)} missing"
    print(f"{counts}{beyond}")
    return left
