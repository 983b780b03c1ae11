"""What is wanted: all campaigns on all rigs."""

from bench_pipeline.defs.partitions import declared_rigs
from bench_pipeline.harness.planning.plan import PlanItem, expand
from bench_pipeline.paths import Project
from bench_pipeline.records.campaign import Campaign
from bench_pipeline.records.yaml.files import read_engines, read_what_can_be
from bench_pipeline.records.yaml.model_files import read_catalogue


def wanted_runs(project: Project) -> list[PlanItem]:
    """Every run that the campaigns want on any rig, in their order. A file that cannot be read
    wants nothing, and is named when the warehouse is refreshed. What is beyond a campaign's budget
    is not wanted now."""
    rigs, _ = declared_rigs(project.rigs)
    campaigns, _ = read_what_can_be(Campaign, project.campaigns)
    models, _ = read_catalogue(project.models)
    wanted = expand(campaigns, rigs, models, read_engines(project.engines))
    if not any(campaign.has_budget for campaign in campaigns.values()):
        return wanted
    from bench_pipeline.harness.planning.budget import affordable  # numpy, and every run is read

    return affordable(project, wanted, campaigns, models)
