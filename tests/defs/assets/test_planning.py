"""Which runs `benchmark_runs` makes."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import yaml
from dagster._core.snap.snap_to_yaml import default_values_yaml_from_type_snap

from bench_pipeline.definitions import defs
from bench_pipeline.defs.assets.planning import wanted_runs
from bench_pipeline.defs.assets.wanted import RunsWanted
from bench_pipeline.harness.planning.missing import missing_runs, readable_runs
from bench_pipeline.paths import Project
from bench_pipeline.records.rig import RigBackend
from bench_pipeline.records.run import Run
from tests.factories import measured_run

Put = Callable[[Run], Path]
PLACE = RigBackend("shared-vm-2core", "cpu")
CAMPAIGN = """\
title: Two builds
why: To see a difference.
places: [shared-vm-2core/cpu, gaming-desktop/*]
models: [smollm2-135m-instruct-q4_1]
builds: [b10434, b10092]
concurrencies: [1, 4]
"""


def only_campaign(project: Project, text: str) -> None:
    for path in project.campaigns.glob("*.yaml"):
        path.unlink()
    (project.campaigns / "two-builds.yaml").write_text(text)


def test_campaigns_are_the_queue_and_runs_shorten_it(project: Project, put: Put) -> None:
    only_campaign(project, CAMPAIGN)
    wanted = wanted_runs(project)
    assert {item.partition.key for item in wanted} == {
        "shared-vm-2core/cpu",
        "gaming-desktop/vulkan",
        "gaming-desktop/cuda",
    }
    here = [item for item in wanted if item.partition == PLACE]
    assert [item.build for item in missing_runs(project, here)] == ["b10434", "b10092"]
    put(measured_run(build="b10434"))
    assert [item.build for item in missing_runs(project, here)] == ["b10092"]


def test_a_broken_rig_file_takes_only_its_own_runs_out_of_the_queue(project: Project) -> None:
    only_campaign(project, CAMPAIGN)
    (project.rigs / "gaming-desktop.yaml").write_text("colour: green\n")
    assert {item.partition for item in wanted_runs(project)} == {PLACE}


def test_a_broken_model_or_campaign_of_somebody_else_takes_nothing_out_of_the_queue(
    project: Project,
) -> None:
    only_campaign(project, CAMPAIGN)
    before = wanted_runs(project)
    for folder in (project.models, project.campaigns):
        (folder / "of-somebody-else.yaml").write_text("colour: green\n")
    assert wanted_runs(project) == before


def test_runs_of_a_place_are_the_valid_ones_there(project: Project, put: Put) -> None:
    run = measured_run()
    path = put(run)
    put(measured_run(rig="h100-vm", backend="cuda"))
    path.with_name("broken.yaml").write_text("run_id: 7\n...\n")
    assert readable_runs(project, [PLACE]) == {path: run}


def test_the_launchpad_opens_with_every_choice_and_what_it_is_by_default() -> None:
    """As the UI asks for it: the defaults of the whole run config, and no key without one."""
    job = defs.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection={dg.AssetKey("benchmark_runs")}
    )
    snapshot = job.get_job_snapshot()
    schema, root = snapshot.config_schema_snapshot, snapshot.mode_def_snaps[0].root_config_key
    assert root is not None
    scaffold = yaml.safe_load(
        default_values_yaml_from_type_snap(schema, schema.get_config_snap(root))
    )
    shown = scaffold["ops"]["benchmark_runs"]["config"]
    assert shown.keys() == RunsWanted.model_fields.keys()
    assert (shown["build"], shown["profile"], shown["mode"]) == ("usual", "quick", "baseline")
