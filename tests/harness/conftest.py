"""A project whose workloads take a second, and the pieces of a run on it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.paths import Project
from tests.conftest import without_runs
from tests.short_runs import short_runs, starved_clients_heard

SHORT_WORKLOADS = {
    "chat": {"prompt_tokens": 36, "output_tokens": 24, "order": 1},
    "rag": {"prompt_tokens": 48, "output_tokens": 12, "order": 2},
}


def with_short_workloads(folder: Path) -> Project:
    project = without_runs(folder)
    shutil.rmtree(project.workloads)
    project.workloads.mkdir()
    for slug, shape in SHORT_WORKLOADS.items():
        lines = [f"title: {slug}", "explanation: short", "body: Say something about rivers."]
        lines += [f"{key}: {value}" for key, value in shape.items()]
        lines += [f"quick_output_tokens: {shape['output_tokens']}"]
        (project.workloads / f"{slug}.yaml").write_text("\n".join(lines) + "\n")
    return project


@pytest.fixture(scope="module", autouse=True)
def _runs_are_short() -> Iterator[None]:
    with short_runs():
        yield


@pytest.fixture(scope="module", autouse=True)
def _starved_clients_are_heard() -> Iterator[None]:
    with starved_clients_heard():
        yield


@pytest.fixture
def short_project(tmp_path: Path) -> Project:
    return with_short_workloads(tmp_path / "checkout")


@pytest.fixture(scope="session")
def item(engine, small_model, test_rig) -> PlanItem:
    model, _ = small_model
    return PlanItem(test_rig.slug, "cpu", engine.build, model.slug, model.sha256)
