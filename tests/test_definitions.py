"""What Dagster knows of us: assets, checks, partitions, and how cheaply it learns it."""

import re
import subprocess
import sys

import dagster as dg
import pytest

from bench_pipeline.definitions import defs
from bench_pipeline.defs.assets import GROUPS
from bench_pipeline.defs.gathered import build_defs
from bench_pipeline.paths import checkout
from bench_pipeline.records.yaml.files import read_rigs

GRAPH = defs.resolve_asset_graph()
FLOW = {
    "llama_cpp_builds": [],
    "hardware_inventory": [],
    "model_files": ["hardware_inventory"],
    "engine_builds": ["hardware_inventory", "llama_cpp_builds"],
    "benchmark_runs": ["engine_builds", "model_files"],
    "run_files": ["benchmark_runs"],
    "measurements": ["run_files"],
    "speed_ranges": ["measurements"],
    "workload_speeds": ["measurements"],
    "comparisons": ["measurements"],
    "build_trends": ["comparisons"],
    "site_pages": ["build_trends", "speed_ranges", "workload_speeds"],
}
CHECKS = {
    "benchmark_runs": {"runs_succeeded"},
    "run_files": {"declarations_valid", "run_files_valid"},
    "measurements": {
        "every_run_file_ingested",
        "figures_finite_and_positive",
        "measurements_key_unique",
        "tables_as_made",
    },
    "speed_ranges": {"ranges_hold"},
    "workload_speeds": {"workload_speeds_are_measured"},
    "site_pages": {"nothing_left_out", "site_equals_warehouse"},
}
HOLDING_NOTHING_BACK = {"declarations_valid", "run_files_valid", "runs_succeeded"}


def documented_rows() -> str:
    text = (checkout().root / "docs" / "dagster.md").read_text()
    return text.split("\n## Assets\n")[1].split("\n## ")[0]


def described() -> list[tuple[str, str | None]]:
    """Every name that the UI lists, with its description."""
    assets = [
        (key.to_user_string(), GRAPH.get(key).description) for key in GRAPH.get_all_asset_keys()
    ]
    checks = [(key.name, GRAPH.get_check_spec(key).description) for key in GRAPH.asset_check_keys]
    jobs = [(job.name, job.description) for job in defs.jobs or ()]
    sensors = [(sensor.name, sensor.description) for sensor in defs.sensors or ()]
    schedules = [(schedule.name, schedule.description) for schedule in defs.schedules or ()]
    return sorted(assets + checks + jobs + sensors + schedules)


def test_the_assets_are_the_flow() -> None:
    found = {
        key.to_user_string(): sorted(k.to_user_string() for k in GRAPH.get(key).parent_keys)
        for key in GRAPH.get_all_asset_keys()
    }
    assert found == FLOW


def test_every_check_sits_on_its_asset_and_blocks_where_publishing_would_mislead() -> None:
    found: dict[str, set[str]] = {}
    for key in GRAPH.asset_check_keys:
        found.setdefault(key.asset_key.to_user_string(), set()).add(key.name)
        assert GRAPH.get_check_spec(key).blocking is (key.name not in HOLDING_NOTHING_BACK)
    assert found == CHECKS


@pytest.mark.parametrize("name", FLOW)
def test_an_asset_has_a_group_and_a_kind(name: str) -> None:
    asset = GRAPH.get(dg.AssetKey(name))
    assert asset.group_name in GROUPS
    assert asset.kinds


@pytest.mark.parametrize(
    ("name", "description"), described(), ids=[name for name, _ in described()]
)
def test_a_name_in_the_ui_is_explained_there_and_in_the_docs(
    name: str, description: str | None
) -> None:
    assert description and len(description.split()) >= 5
    assert re.search(rf"^\| `{name}` \|", documented_rows(), re.MULTILINE), (
        f"docs/dagster.md: no row {name}"
    )


def test_the_docs_name_nothing_that_is_gone() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", documented_rows(), re.MULTILINE)
    assert sorted(rows) == [name for name, _ in described()]


def test_partitions_are_the_declared_rigs_and_only_the_backends_that_they_have() -> None:
    rigs = read_rigs(checkout().rigs)
    by_rig = {"hardware_inventory", "model_files"}
    by_rig_and_backend = {"engine_builds", "benchmark_runs"}
    for name in FLOW:
        partitions = GRAPH.get(dg.AssetKey(name)).partitions_def
        keys = partitions.get_partition_keys() if partitions else None
        if name in by_rig:
            assert keys == list(rigs)
        elif name in by_rig_and_backend:
            assert keys == [key for rig in rigs.values() for key in rig.partition_keys]
        else:
            assert keys is None


def test_a_rig_leads_to_all_its_backends() -> None:
    down = GRAPH.get(dg.AssetKey("engine_builds"))
    mapping = down.partition_mappings[dg.AssetKey("hardware_inventory")]
    found = mapping.get_downstream_partitions_for_partitions(
        upstream_partitions_subset=GRAPH.get(dg.AssetKey("hardware_inventory"))
        .partitions_def.empty_subset()
        .with_partition_keys(["gaming-desktop"]),
        upstream_partitions_def=GRAPH.get(dg.AssetKey("hardware_inventory")).partitions_def,
        downstream_partitions_def=down.partitions_def,
    )
    assert set(found.get_partition_keys()) == {"gaming-desktop/vulkan", "gaming-desktop/cuda"}


def test_steps_run_in_their_run_s_process() -> None:
    assert defs.executor is dg.in_process_executor


def test_all_definitions_load_and_agree() -> None:
    dg.Definitions.validate_loadable(build_defs())


def test_nothing_starts_by_itself() -> None:
    assert {s.default_status for s in defs.sensors or ()} == {dg.DefaultSensorStatus.STOPPED}
    assert {s.default_status for s in defs.schedules or ()} == {dg.DefaultScheduleStatus.STOPPED}


def test_loading_the_definitions_loads_no_heavy_package() -> None:
    heavy = ["pandas", "altair", "duckdb", "vl_convert", "jinja2", "numpy", "uvloop"]
    heavy += ["httpx", "psutil", "pynvml", "cryptography"]
    code = (
        "import sys, bench_pipeline.definitions;"
        f"print(*[name for name in {heavy} if name in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.split() == []
