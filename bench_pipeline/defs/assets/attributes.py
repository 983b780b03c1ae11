"""What the UI finds assets by beside their names: owner, tags, the code's version and place."""

import warnings
from collections.abc import Sequence

import dagster as dg

from bench_pipeline.records.run import SCHEMA_VERSION
from bench_pipeline.warehouse.schema import code_version

OWNER = "team:bench_pipeline"
ON_A_RIG = {"rigs", "runs"}
"""Groups of which something happens on a rig, and not where the pages are made."""

_VERSIONS = {
    "benchmark_runs": f"run file {SCHEMA_VERSION}",
    "run_files": f"run file {SCHEMA_VERSION}",
    **dict.fromkeys(
        ("measurements", "speed_ranges", "workload_speeds", "comparisons", "build_trends"),
        f"tables {code_version()[:12]}",
    ),
}
"""By what the outcome would be another one: the form of run files, and of the tables."""


def with_attributes(assets: Sequence[dg.AssetsDefinition]) -> Sequence[dg.AssetsDefinition]:
    found = [asset.map_asset_specs(_with_attributes) for asset in assets]
    with warnings.catch_warnings():
        # Links from an asset to its code are in beta: without them the UI merely lacks a button.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return [
            asset
            for asset in dg.with_source_code_references(found)
            if isinstance(asset, dg.AssetsDefinition)
        ]


def _with_attributes(spec: dg.AssetSpec) -> dg.AssetSpec:
    name = spec.key.to_user_string()
    where = "rig" if spec.group_name in ON_A_RIG and name != "run_files" else "control-plane"
    return spec.replace_attributes(
        owners=[OWNER], tags={**spec.tags, "bench/runs-on": where}, code_version=_VERSIONS.get(name)
    )
