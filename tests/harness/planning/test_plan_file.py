"""A plan file holds all that a machine needs to know which sees no checkout."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from bench_pipeline.errors import RecordError
from bench_pipeline.harness.planning.plan import PlanItem, expand
from bench_pipeline.harness.planning.plan_file import items_of, plan_of
from bench_pipeline.paths import Project, checkout
from bench_pipeline.records.plan import Plan
from bench_pipeline.records.yaml.files import (
    dump_record,
    parse_record,
    read_campaigns,
    read_engines,
    read_rigs,
)
from bench_pipeline.records.yaml.model_files import read_models

HERE = checkout()
RIGS, MODELS, ENGINES = read_rigs(HERE.rigs), read_models(HERE.models), read_engines(HERE.engines)
RIG = RIGS["shared-vm-2core"]
ITEMS = [
    each
    for each in expand(read_campaigns(HERE.campaigns), RIGS, MODELS, ENGINES)
    if each.rig == RIG.slug
]


def test_what_was_planned_is_read_again_from_its_text():
    plan = plan_of(HERE, RIG, ITEMS)
    again = parse_record(Plan, dump_record(plan).encode(), Path("plan.yaml"))
    assert again == plan
    assert items_of(again) == ITEMS
    assert any(each.beside for each in ITEMS) and again.engines.sentinel == ENGINES.sentinel
    assert again.rig == RIG


def test_a_plan_of_a_deep_curve_and_conversations_carries_the_scripts():
    small = "smollm2-135m-instruct-q4_1"
    item = PlanItem(
        RIG.slug,
        "cpu",
        "b10434",
        small,
        MODELS[small].sha256,
        parts=("deep", "conversations"),
        depths=(2048, 4096),
    )
    plan = plan_of(HERE, RIG, [item])
    again = parse_record(Plan, dump_record(plan).encode(), Path("plan.yaml"))
    assert items_of(again) == [item]
    assert [script.slug for script in again.conversations or ()] == ["repair"]
    usual = plan_of(HERE, RIG, [replace(item, parts=("usual",), depths=())])
    assert usual.conversations is None
    assert not {"parts", "depths"} & usual.runs[0].model_dump(exclude_none=True).keys()


def test_it_has_the_models_that_draft_and_only_what_its_backends_need():
    small, other = "smollm2-135m-instruct-q4_1", "gemma-3-270m-q4_k_m"
    item = PlanItem(RIG.slug, "cpu", "b10434", small, MODELS[small].sha256, mode=f"draft-{other}")
    plan = plan_of(HERE, RIG, [item])
    assert [model.slug for model in plan.models] == [small, other]
    assert set(plan.engines.releases.assets) == {"cpu"}
    assert plan.engines.paths == [] and plan.engines.sentinel is None
    assert plan.engines.wheels == ENGINES.wheels


def test_a_new_machine_s_plan_has_its_name_alone(project: Project):
    plan = plan_of(project, "tin", [replace(ITEMS[0], rig="tin")])
    assert (plan.rig, plan.slug) == (None, "tin")
    assert [item.rig for item in items_of(plan)] == ["tin"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"rig": None}, "a plan is of one machine"),
        ({"new_rig": "tin"}, "a plan is of one machine"),
        ({"rig": None, "new_rig": "../tin"}, "new_rig"),
        ({"models": []}, "models"),
        ({"models": [MODELS["qwen3-0.6b-q8_0"]]}, "`models` has no"),
        ({"engines": {}}, "need the `sentinel`"),
        ({"rig": RIG.model_copy(update={"backends": {"cuda": RIG.backends["cpu"]}})}, "no backend"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_plan_that_lacks_what_its_runs_need_is_refused(change: dict, problem: str):
    plan = plan_of(HERE, RIG, ITEMS)
    with pytest.raises((ValidationError, RecordError), match=problem):
        Plan.model_validate(plan.model_dump() | change)
