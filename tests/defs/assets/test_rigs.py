"""What is made ready on a rig, and that it happens on that rig and no other."""

import re
from collections.abc import Callable

import dagster as dg
import pytest

from bench_pipeline.engines.llama_cpp.installed import InstalledEngine
from bench_pipeline.inventory.identity import machine_id
from bench_pipeline.paths import Project
from bench_pipeline.records.model import ModelFile
from tests.defs.assets.conftest import HERE, QUIET, made

Launch = Callable[..., dg.ExecuteInProcessResult]
MODEL = {"model_files": {"config": {"models": ["smollm2-135m-instruct-q4_1"]}}}


@pytest.mark.usefixtures("this_machine", "whole_model")
def test_a_rig_is_prepared(launch: Launch) -> None:
    result = launch("prepare_rig", partition_key=HERE, run_config={**QUIET, "ops": MODEL})
    assert result.success
    assert sorted(made(result)) == ["hardware_inventory", "model_files"]
    inventory, models = sorted(
        (event.materialization for event in result.get_asset_materialization_events()),
        key=lambda materialization: materialization.asset_key,
    )
    assert inventory.partition == HERE
    assert "| CPU | " in inventory.metadata["hardware"].value
    assert "98.4 MB" in models.metadata["models"].value


@pytest.mark.usefixtures("this_machine")
def test_what_is_to_happen_on_another_rig_is_passed_over_here(
    launch: Launch, capfd: pytest.CaptureFixture[str]
) -> None:
    config = {"loggers": {"console": {"config": {"log_level": "WARNING"}}}}
    result = launch("prepare_rig", partition_key="gaming-desktop", run_config=config)
    assert result.success
    assert made(result) == []
    assert f"this machine is the rig `{HERE}`, not `gaming-desktop`" in capfd.readouterr().err


@pytest.mark.usefixtures("this_machine")
def test_an_undeclared_machine_learns_its_identity(project: Project, launch: Launch) -> None:
    path = project.rigs / f"{HERE}.yaml"
    path.write_text(path.read_text().replace(machine_id(), "0" * 16))
    result = launch("prepare_rig", partition_key=HERE)
    (error,) = [
        event.step_failure_data.error_display_string
        for event in result.all_events
        if event.is_step_failure and event.step_key == "hardware_inventory"
    ]
    assert "this machine is no declared rig" in error
    assert f'machine_id: "{machine_id()}"' in error


@pytest.mark.usefixtures("this_machine")
def test_an_engine_is_installed_and_says_what_it_is(
    launch: Launch, engine: InstalledEngine
) -> None:
    nothing_to_measure = {"benchmark_runs": {"config": {"models": ["gpt-9"]}}}
    result = launch(
        "measure", partition_key=f"{HERE}/cpu", run_config={**QUIET, "ops": nothing_to_measure}
    )
    assert not result.success
    builds, installed = sorted(
        (event.materialization for event in result.get_asset_materialization_events()),
        key=lambda materialization: materialization.asset_key,
        reverse=True,
    )
    assert installed.metadata["build"].value == engine.build
    assert installed.metadata["binary sha256"].value == engine.binary_sha256
    assert installed.tags and installed.tags["dagster/data_version"] == engine.build
    assert re.search(
        rf"\| {engine.build} \| \w+ \| wheel \| .* \| yes \|", builds.metadata["builds"].value
    )


def test_the_partition_of_a_broken_rig_file_names_the_file(
    project: Project, launch: Launch, whole_model: ModelFile
) -> None:
    (project.rigs / "gaming-desktop.yaml").write_text("colour: green\n")
    result = launch("prepare_rig", partition_key="gaming-desktop")
    errors = [
        event.step_failure_data.error_display_string
        for event in result.all_events
        if event.is_step_failure
    ]
    assert any("gaming-desktop.yaml" in error and "mend: " in error for error in errors)
