"""Runs that are in the checkout and that this instance has seen nobody make: a clone's, another
rig's. Their partitions would stand as missing in the UI although their files lie there."""

import dagster as dg

from bench_pipeline.defs.assets.cards import file_uri
from bench_pipeline.defs.partitions import rig_backend_partitions
from bench_pipeline.paths import Project
from bench_pipeline.records.yaml.files import run_files

RUNS = dg.AssetKey("benchmark_runs")


def report_committed(instance: dg.DagsterInstance, project: Project) -> list[str]:
    """Has the instance know of each partition with run files that it knows nothing of; which."""
    seen = instance.get_materialized_partitions(RUNS)
    declared = rig_backend_partitions.get_partition_keys()
    files: dict[str, int] = {}
    for path in run_files(project.runs):
        key = "/".join(path.parts[-3:-1])
        if key in declared and key not in seen:
            files[key] = files.get(key, 0) + 1
    for key, number in files.items():
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                RUNS,
                description="Run files that were committed or brought here.",
                partition=key,
                metadata={
                    "dagster/row_count": number,
                    "dagster/uri": file_uri(project.runs / key),
                    "folder": dg.MetadataValue.path(project.runs / key),
                },
            )
        )
    return list(files)
