"""A mode asked for in Dagster: which runs it names, and which files they need."""

import pytest

from bench_pipeline.defs.assets.rigs import wanted_models
from bench_pipeline.defs.assets.wanted import RunsWanted, items_named
from bench_pipeline.engines.llama_cpp.installed import InstalledEngine
from bench_pipeline.errors import EngineError, ModelError, RecordError
from bench_pipeline.harness.planning.missing import missing_runs
from bench_pipeline.paths import Project
from bench_pipeline.records.rig import Rig, RigBackend
from tests.factories import measured_run

SMALL, GEMMA = "smollm2-135m-instruct-q4_1", "gemma-3-270m-q4_k_m"
CAMPAIGN = f"""\
title: Drafts
why: To see what a draft model gains.
places: [shared-vm-2core/cpu]
models: [{SMALL}]
modes: [baseline, draft-{GEMMA}]
"""


def named(project: Project, rig: Rig, mode: str) -> list:
    return items_named(
        RunsWanted(models=[SMALL], mode=mode), project, rig, RigBackend(rig.slug, "cpu"), True
    )


def test_a_run_in_another_mode_is_another_run(
    project: Project, test_rig: Rig, engine: InstalledEngine, put
) -> None:
    put(measured_run(rig=test_rig.slug, build=engine.build))
    (baseline,) = named(project, test_rig, "baseline")
    (drafted,) = named(project, test_rig, f"draft-{SMALL}")
    assert (baseline.mode, drafted.mode) == ("baseline", f"draft-{SMALL}")
    assert missing_runs(project, [baseline, drafted]) == [drafted]


@pytest.mark.parametrize(
    ("mode", "error", "problem"),
    [
        ("turbo", RecordError, "no mode `turbo`"),
        ("draft-gpt-9", ModelError, "no model `gpt-9`"),
        ("reasoning-off", EngineError, f"{SMALL} does not reason"),
    ],
)
def test_a_mode_that_cannot_be_is_one_clear_error(
    project: Project, test_rig: Rig, mode: str, error: type[Exception], problem: str
) -> None:
    with pytest.raises(error, match=problem):
        named(project, test_rig, mode)


def test_a_rig_fetches_the_draft_models_of_its_campaigns_too(project: Project) -> None:
    for path in project.campaigns.glob("*.yaml"):
        path.unlink()
    (project.campaigns / "drafts.yaml").write_text(CAMPAIGN)
    assert wanted_models(project, "shared-vm-2core") == [GEMMA, SMALL]
    assert wanted_models(project, "gaming-desktop") == []
