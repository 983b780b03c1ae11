"""What `benchmark_runs` says where there is nothing (more) to measure."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from bench_pipeline.defs.assets.runs import KEPT_FILES, RUN_FILES
from bench_pipeline.engines.llama_cpp.installed import InstalledEngine
from bench_pipeline.paths import Project
from bench_pipeline.records.run import Run
from tests.defs.assets.conftest import HERE, QUIET
from tests.factories import measured_run

Launch = Callable[..., dg.ExecuteInProcessResult]
ONLY_RUNS = [dg.AssetKey("benchmark_runs")]


def without_campaigns(project: Project) -> None:
    for path in project.campaigns.glob("*.yaml"):
        path.unlink()


@pytest.mark.usefixtures("this_machine")
def test_where_no_campaign_wants_anything_the_small_model_is_measured_and_shown_again(
    project: Project, launch: Launch, put: Callable[[Run], Path], engine: InstalledEngine
) -> None:
    without_campaigns(project)
    put(measured_run(rig=HERE, build=engine.build))
    later = datetime(2026, 11, 23, tzinfo=UTC)
    newest = put(measured_run(rig=HERE, build=engine.build, started_at=later, seed=2))
    result = launch("measure", partition_key=f"{HERE}/cpu", asset_selection=ONLY_RUNS)
    assert result.success
    (event,) = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert metadata[RUN_FILES].value == []
    assert metadata[KEPT_FILES].value == [newest.relative_to(project.runs).as_posix()]
    assert "| chat |" in metadata["speeds"].value
    floats = {name: each.value for name, each in metadata.items() if name.startswith("tok/s, ")}
    assert floats
    assert all(isinstance(value, float) for value in floats.values())
    (check,) = result.get_asset_check_evaluations()
    assert check.passed
    assert check.description.startswith(f"{HERE}/cpu: 1 runs")


@pytest.mark.usefixtures("this_machine")
def test_another_machine_s_runs_are_passed_over_and_nothing_is_said_of_them(launch: Launch) -> None:
    options = {"run_config": QUIET, "asset_selection": ONLY_RUNS}
    result = launch("measure", partition_key="gaming-desktop/cuda", **options)
    assert result.success
    assert result.get_asset_materialization_events() == []
    assert result.get_asset_check_evaluations() == []
