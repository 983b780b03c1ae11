"""The three steps in which the flow is launched, by the UI and by `make bench` alike.

Three, because one Dagster run has one kind of partition: the rig, the rig and backend, none.
"""

import dagster as dg

PUBLISHED = dg.AssetSelection.assets(
    "run_files",
    "measurements",
    "speed_ranges",
    "workload_speeds",
    "comparisons",
    "build_trends",
    "site_pages",
)
"""What is made of the run files."""

prepare_rig = dg.define_asset_job(
    "prepare_rig",
    selection=dg.AssetSelection.assets("hardware_inventory", "model_files"),
    description="On the rig of the partition: capture its hardware, fetch the wanted models.",
)
measure = dg.define_asset_job(
    "measure",
    selection=dg.AssetSelection.assets("llama_cpp_builds", "engine_builds", "benchmark_runs"),
    description="On the rig of the partition: install the wanted engine, make the runs that"
    " are wanted and not there yet.",
)
publish = dg.define_asset_job(
    "publish",
    selection=PUBLISHED,
    description="From the run files to the site: checks, tables, pages.",
)

ALL_JOBS = (prepare_rig, measure, publish)
