"""A project whose workloads take a second, and the pieces of a run on it."""

import shutil

import pytest

from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.paths import Project

SHORT_WORKLOADS = {
    "chat": {"prompt_tokens": 30, "output_tokens": 48, "order": 1},
    "rag": {"prompt_tokens": 120, "output_tokens": 24, "order": 2},
}


@pytest.fixture
def short_project(project: Project) -> Project:
    shutil.rmtree(project.workloads)
    project.workloads.mkdir()
    for slug, shape in SHORT_WORKLOADS.items():
        lines = [f"title: {slug}", "explanation: short", "body: Say something about rivers."]
        lines += [f"{key}: {value}" for key, value in shape.items()]
        lines += [f"quick_output_tokens: {shape['output_tokens']}"]
        (project.workloads / f"{slug}.yaml").write_text("\n".join(lines) + "\n")
    return project


@pytest.fixture
def item(engine, small_model, test_rig) -> PlanItem:
    model, _ = small_model
    return PlanItem(test_rig.slug, "cpu", engine.build, model.slug, model.sha256)
