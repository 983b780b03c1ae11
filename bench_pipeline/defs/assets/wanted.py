"""Which runs a launch of `benchmark_runs` asks for."""

import dagster as dg
from pydantic import Field

from bench_pipeline.defs.assets.planning import wanted_runs
from bench_pipeline.engines.builds.catalogue import choose
from bench_pipeline.engines.builds.host import this_host
from bench_pipeline.harness.planning.elsewhere import build_elsewhere
from bench_pipeline.harness.planning.modes import check_wanted, draft_model, known_mode, mode_for
from bench_pipeline.harness.planning.parts import known_parts
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.harness.planning.profiles import PROFILES
from bench_pipeline.models.catalogue import DEFAULT_MODEL, known_model
from bench_pipeline.paths import Project
from bench_pipeline.records.campaign import Profile
from bench_pipeline.records.rig import Rig, RigBackend
from bench_pipeline.records.yaml.files import read_engines

USUAL = "usual"
"""A build's name in a launch's config, so that the launchpad opens with a word in its place."""


def build_of(word: str) -> str | None:
    """None for the usual one."""
    return None if word == USUAL else word


class RunsWanted(dg.Config):
    """Which runs to make. With no models named: what the campaigns want here, and where they want
    nothing, a small model."""

    models: list[str] = Field(
        default=[],
        description="Slugs of content/models; empty: what the campaigns want here. Only runs that"
        " no run file satisfies are made.",
    )
    build: str = Field(
        default=USUAL,
        description="Engine build, b10434; usual: the rig file's, else the newest that runs.",
    )
    beside: list[str] = Field(
        default=[],
        description="Builds to measure it in turns with, by the sentinel's cells: they are judged"
        " against it.",
    )
    remeasure: bool = Field(
        default=False,
        description="Make the runs named here also where a run file satisfies them already.",
    )
    mode: str = Field(
        default="baseline",
        description="baseline, reasoning-off or draft-SLUG (of content/models); usual: baseline, or"
        " without part usual reasoning-off for models that reason.",
    )
    profile: Profile = Field(default="quick", description="quick (provisional) or full.")
    power_caps_w: list[float] = Field(
        default=[],
        description="Each run under each of these caps, in W of each card; empty: as it is found.",
    )
    concurrencies: list[int] = Field(
        default=[],
        description="Streams at once; empty: 1 and 4 in profile quick; in full as many as it"
        " takes to the knee.",
    )
    parts: list[str] = Field(
        default=["usual"],
        description="usual: workloads and curve; deep: a curve to the model's trained context;"
        " conversations: those of content/conversations.",
    )
    depths: list[int] = Field(
        default=[], description="Prompt lengths of part deep; empty: as far as it goes."
    )


def items_wanted(
    config: RunsWanted, project: Project, rig: Rig, place: RigBackend, *, is_here: bool = True
) -> tuple[list[PlanItem], str]:
    """What to measure at `place`, and who wants it, in words. `is_here`: on this machine."""
    if config.models:
        return items_named(config, project, rig, place, is_here), "named by this launch"
    if items := [item for item in wanted_runs(project) if item.partition == place]:
        return items, "wanted by campaigns"
    small = config.model_copy(update={"models": [DEFAULT_MODEL]})
    return items_named(small, project, rig, place, is_here), (
        f"as no campaign wants anything here: write content/campaigns/NAME.yaml with `places:"
        f" [{place.key}]` and `models`, or name models in the launch's config"
    )


def items_named(
    config: RunsWanted, project: Project, rig: Rig, place: RigBackend, is_here: bool
) -> list[PlanItem]:
    """The items that `config` names, on a build that this machine can run, where it is made here.
    BenchError if one of its choices is not there or cannot have an effect."""
    engines, named = read_engines(project.engines), build_of(config.build)
    if is_here:
        build = choose(engines, rig, place.backend, named, this_host()).build
    else:
        build = named or build_elsewhere(rig, place.backend, engines)
    usual = config.mode == USUAL
    mode, parts = known_mode("baseline" if usual else config.mode), known_parts(config.parts)
    draft = draft_model(mode, project)
    models = [known_model(project, slug) for slug in config.models]
    for model in models:
        check_wanted(mode, model, draft)
    return [
        PlanItem(
            rig=place.rig,
            backend=place.backend,
            build=build,
            model=model.slug,
            model_sha256=model.sha256,
            mode=mode_for(parts, model) if usual else mode,
            profile=config.profile,
            concurrencies=tuple(config.concurrencies) or PROFILES[config.profile].concurrencies,
            beside=tuple(config.beside),
            power_cap_w=cap_w,
            parts=parts,
            depths=tuple(config.depths),
        )
        for model in models
        for cap_w in (*config.power_caps_w,) or (None,)
    ]
