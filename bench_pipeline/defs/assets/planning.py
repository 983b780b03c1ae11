"""What is wanted: all campaigns on all rigs."""

from bench_pipeline.defs.partitions import declared_rigs
from bench_pipeline.harness.planning.plan import PlanItem, expand
from bench_pipeline.paths import Project
from bench_pipeline.records.yaml.files import (
    read_campaigns,
    read_engines,
    read_models,
)


def wanted_runs(project: Project) -> list[PlanItem]:
    """Every run that the campaigns want on any rig, in their order."""
    rigs, _broken = declared_rigs(project.rigs)
    return expand(
        read_campaigns(project.campaigns),
        rigs,
        read_models(project.models),
        read_engines(project.engines),
    )
