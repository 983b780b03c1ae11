"""A plan for this machine, and a folder for what it measures."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench_pipeline.harness.carried.folder import OutFolder
from bench_pipeline.harness.planning.plan import PlanItem
from bench_pipeline.harness.planning.plan_file import plan_of
from bench_pipeline.paths import Project, checkout
from bench_pipeline.records.plan import Plan
from bench_pipeline.records.rig import BackendSetup, Rig
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import read_run
from bench_pipeline.records.yaml.model_files import read_models

RIG = Rig(slug="bare", title="A bare machine", backends={"cpu": BackendSetup(threads=1)})
MEASURED = read_run(min(checkout().runs.glob("shared-vm-2core/cpu/2*.yaml")))
"""With two cells."""


def item(model: str, **more) -> PlanItem:
    sha256 = read_models(checkout().models)[model].sha256
    return PlanItem(RIG.slug, "cpu", "b10434", model, sha256, concurrencies=(1,), **more)


SMALL, OTHER = item("smollm2-135m-instruct-q4_1"), item("gemma-3-270m-q4_k_m")


@pytest.fixture
def plan(project: Project) -> Plan:
    return plan_of(project, RIG, [SMALL, OTHER])


@pytest.fixture
def out(tmp_path: Path) -> OutFolder:
    return OutFolder(tmp_path / "out")


@pytest.fixture
def run_of() -> Callable[..., Run]:
    """What a run of an item could be: figures of a real one, under names of its own."""
    count = iter(range(1, 100))

    def made(item: PlanItem, **more) -> Run:
        model = read_models(checkout().models)[item.model]
        names = {"slug": model.slug, "sha256": model.sha256, "size_bytes": model.size_bytes}
        changed = {
            "run_id": f"{next(count):012x}",
            "rig": item.rig,
            "backend": item.backend,
            "engine": MEASURED.engine.model_copy(update={"build": item.build}),
            "model": MEASURED.model.model_copy(update=names),
            "session": None,
        }
        return MEASURED.model_copy(update=changed | more)

    return made
