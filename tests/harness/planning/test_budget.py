"""What a campaign's hours and disk have room for, on each rig by itself."""

import pytest

from bench_pipeline.harness.planning.budget import affordable, within_budget
from bench_pipeline.harness.planning.plan import PlanItem, expand
from bench_pipeline.paths import Project, checkout
from bench_pipeline.records.campaign import Campaign
from bench_pipeline.records.rig import BackendSetup, Rig
from bench_pipeline.records.yaml.files import read_engines
from bench_pipeline.records.yaml.model_files import read_models

HERE = checkout()
MODELS = read_models(HERE.models)
SMALL, MIDDLE, LARGE = "qwen3-0.6b-q8_0", "qwen3-1.7b-q8_0", "qwen3-4b-q4_k_m"
RIGS = {
    name: Rig(slug=name, title=name, backends={"cpu": BackendSetup(build="b10068")})
    for name in ("attic", "cellar")
}


def campaign(**changes: object) -> Campaign:
    fields = {"slug": "c", "title": "T", "why": "W", "places": ["*/cpu"], **changes}
    return Campaign.model_validate({"models": [SMALL, MIDDLE, LARGE], **fields})


def wanted(of: Campaign) -> list[PlanItem]:
    return expand({of.slug: of}, RIGS, MODELS, read_engines(HERE.engines))


def within(
    of: Campaign, made: tuple[str, ...] = (), each_s: float = 3600
) -> dict[str, tuple[str, ...]]:
    """Models on each rig; those of `made` are measured on both."""
    items = wanted(of)
    found = within_budget(
        items,
        {of.slug: of},
        MODELS,
        made_s={item: each_s for item in items if item.model in made},
        estimate_s=lambda item: each_s,
    )
    return {rig: tuple(i.model for i in items if i.rig == rig and i in found) for rig in RIGS}


def test_without_a_budget_everything_is_wanted_now():
    assert within(campaign()) == dict.fromkeys(RIGS, (SMALL, MIDDLE, LARGE))


def test_hours_are_spent_in_order_on_each_rig():
    assert within(campaign(budget_hours=2.5)) == dict.fromkeys(RIGS, (SMALL, MIDDLE))


def test_what_is_made_counts_so_that_a_budget_ends():
    assert within(campaign(budget_hours=2.5), made=(LARGE,)) == dict.fromkeys(RIGS, (SMALL, LARGE))


def test_a_model_that_has_no_room_waits_and_a_smaller_one_behind_it_does_not():
    sizes = [MODELS[slug].size_bytes / 1e9 for slug in (SMALL, MIDDLE)]
    ordered = campaign(models=[SMALL, LARGE, MIDDLE], disk_gb=sum(sizes) + 0.01)
    assert within(ordered) == dict.fromkeys(RIGS, (SMALL, MIDDLE))


def test_a_model_that_drafts_needs_room_too():
    drafted = campaign(models=[LARGE], modes=[f"draft-{SMALL}"])
    both = sum(MODELS[slug].size_bytes for slug in (SMALL, LARGE)) / 1e9
    for room, found in ((both + 0.01, (LARGE,)), (both - 0.01, ())):
        limited = drafted.model_copy(update={"disk_gb": room})
        assert within(limited) == dict.fromkeys(RIGS, found)


def test_it_holds_for_what_dagster_wants_too(project: Project):
    small = campaign(budget_hours=0.001)
    items = wanted(small)
    assert affordable(project, items, {"c": small}, MODELS) == []
    assert affordable(project, items, {"c": campaign()}, MODELS) == items


@pytest.mark.parametrize("key", ["budget_hours", "disk_gb"])
def test_a_budget_of_nothing_is_refused(key: str):
    with pytest.raises(ValueError, match="nothing is ever measured: leave it out"):
        campaign(**{key: 0})
