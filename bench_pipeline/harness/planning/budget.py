"""Which of the missing runs a campaign's budgets have room for now."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from bench_pipeline.harness.planning.estimate import HOUR_S, Estimator, took_s
from bench_pipeline.harness.planning.missing import Runs, made_of, readable_runs
from bench_pipeline.harness.planning.modes import draft_slug
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.paths import Project
from bench_pipeline.records.campaign import Campaign
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.workload import Conversation, Workload
from bench_pipeline.records.yaml.files import read_engines, read_what_can_be

GB = 10**9


def estimator(project: Project, runs: Runs, models: Mapping[str, ModelFile]) -> Estimator:
    """Of what is declared and was measured here."""
    workloads, _ = read_what_can_be(Workload, project.workloads)
    sentinel = read_engines(project.engines).sentinel
    scripts, _ = read_what_can_be(Conversation, project.conversations)
    return Estimator(runs.values(), models, workloads.values(), sentinel, scripts.values())


def affordable(
    project: Project,
    wanted: Sequence[PlanItem],
    campaigns: Mapping[str, Campaign],
    models: Mapping[str, ModelFile],
) -> list[PlanItem]:
    """Those of `wanted` that are made or within their campaign's budgets."""
    runs = readable_runs(project)
    known = estimator(project, runs, models)
    made = {item: path for item, path in made_of(runs, wanted).items() if path}
    within = within_budget(
        wanted,
        campaigns,
        models,
        made_s={item: took_s(runs[path]) for item, path in made.items()},
        estimate_s=lambda item: known.of(item).seconds,
    )
    return [item for item in wanted if item in within]


def within_budget(
    wanted: Sequence[PlanItem],
    campaigns: Mapping[str, Campaign],
    models: Mapping[str, ModelFile],
    *,
    made_s: Mapping[PlanItem, float],
    estimate_s: Callable[[PlanItem], float],
) -> set[PlanItem]:
    """Of `wanted`, in its order, what its campaign's hours and disk have room for on its rig; what
    nobody's campaign wants is always.

    made_s      how long those took that are made: they are within, and count
    estimate_s  asked of the others, where a campaign has hours
    """
    spent_s: dict[tuple[str, str], float] = defaultdict(float)
    for item, each_s in made_s.items():
        spent_s[item.campaign or "", item.rig] += each_s
    files: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for item in made_s:
        files[item.campaign or "", item.rig] |= _files(item, models)
    found = set(made_s)
    for item in wanted:
        campaign = campaigns.get(item.campaign or "")
        if item in found or campaign is None:
            found.add(item)
            continue
        place = campaign.slug, item.rig
        needed = _files(item, models)
        if campaign.disk_policy != "drop-after":
            needed |= files[place]
        if campaign.disk_gb is not None and sum(needed.values()) > campaign.disk_gb * GB:
            continue
        if campaign.budget_hours is not None:
            with_it_s = spent_s[place] + estimate_s(item)
            if with_it_s > campaign.budget_hours * HOUR_S:
                continue
            spent_s[place] = with_it_s
        files[place] = needed
        found.add(item)
    return found


def _files(item: PlanItem, models: Mapping[str, ModelFile]) -> dict[str, int]:
    """Bytes of each model that it needs, the one that drafts too."""
    slugs = [item.model, *([draft] if (draft := draft_slug(item.mode)) else [])]
    return {slug: models[slug].size_bytes for slug in slugs}
