"""The promises for a fresh clone: commands typed exactly so, with no variable set."""

import shutil
from pathlib import Path
from subprocess import CompletedProcess

import dagster as dg
import pytest

from tests.checkouts import copy_checkout, run_in, without_measured_runs
from tests.published import unpacked

SAME_BY_DG = ("dg", "launch", "--assets", "site_pages")


Done = tuple[Path, CompletedProcess[str]]
"""A clone in which a command ran, and what it said; to be read and not changed."""


@pytest.fixture
def published(published_clone: Done) -> Done:
    return published_clone


@pytest.fixture(scope="module")
def published_with_broken_files(
    tmp_path_factory: pytest.TempPathFactory, published_clone: Done
) -> Done:
    """A clone with few runs, of which one is malformed, and a rig with an unknown key, whose
    warehouse knows the committed runs already, and that had no site."""
    clone = without_measured_runs(copy_checkout(tmp_path_factory.mktemp("broken") / "a clone"))
    shutil.copytree(published_clone[0] / "warehouse", clone / "warehouse")
    place = clone / "content" / "benchmarks" / "runs" / "gaming-desktop" / "cuda"
    (place / "published-000000000000.yaml").write_text("schema_version: 1\nrun_id: [\n...\n")
    rig = clone / "content" / "rigs" / "h100-vm.yaml"
    rig.write_text(rig.read_text() + "colour: green\n")
    return clone, run_in(clone, *SAME_BY_DG)


def test_the_site_is_built_from_the_committed_runs(
    published: Done,
) -> None:
    clone, done = published
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("RUN_SUCCESS") == 1, done.stderr
    assert (clone / "site_out" / "index.html").stat().st_size > 1000
    ranges = unpacked(clone / "site_out" / "data" / "ranges.csv.gz")
    assert "LFM2,8B-A1B" in ranges
    assert (clone / "warehouse" / "measurements.duckdb").exists()


def test_the_command_is_recorded_in_the_checkout_and_told_to_nobody(
    published: Done,
) -> None:
    clone, done = published
    assert "elemetry" not in done.stdout + done.stderr
    assert "superseded" not in done.stderr
    with dg.DagsterInstance.from_config(str(clone / ".dagster_home")) as instance:
        (run,) = instance.get_runs()
        assert run.is_success
        assert not instance.telemetry_enabled


def test_a_malformed_run_file_is_named_and_the_rest_is_published(
    published_with_broken_files: Done,
) -> None:
    clone, done = published_with_broken_files
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "nothing_left_out" in said
    assert "gaming-desktop/cuda/published-000000000000.yaml:3: not valid YAML" in said
    assert "mend: correct that line" in said
    assert "LFM2,8B-A1B" in unpacked(clone / "site_out" / "data" / "ranges.csv.gz")


def test_a_broken_rig_file_takes_only_its_own_rig_out(published_with_broken_files: Done) -> None:
    clone, done = published_with_broken_files
    listed = run_in(clone, "dagster", "asset", "list")
    assert listed.returncode == 0
    assert "site_pages" in listed.stdout
    assert "a rig is left out" in listed.stderr
    assert "unknown key `colour`" in listed.stderr
    assert "content/rigs/h100-vm.yaml" in done.stdout + done.stderr
    assert (clone / "site_out" / "index.html").exists()


def test_dagster_dev_finds_the_same_definitions(published: Done) -> None:
    done = run_in(published[0], "dagster", "definitions", "validate", "-w", "workspace.yaml")
    assert done.returncode == 0, done.stderr
    assert "bench_pipeline.definitions" in done.stdout + done.stderr
