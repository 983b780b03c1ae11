"""The flow as Dagster sees it: what there is, what depends on what, what a person reads of it.

Glue only. Each body calls the package that does the work and says what came of it in the
metadata; nothing here measures, parses, queries by hand or draws. Heavy packages are imported
by those that need them, so that the definitions load in well under a second.
"""

from collections.abc import Sequence

import dagster as dg

from bench_pipeline.defs.assets import rigs, runs, site, warehouse
from bench_pipeline.defs.assets.attributes import with_attributes

GROUPS = {
    "rigs": "what benchmarks, and what lies ready on it",
    "runs": "what was measured, one file a run",
    "warehouse": "what the runs say, in tables",
    "site": "what visitors see",
}

ALL_ASSETS: Sequence[dg.AssetsDefinition] = with_attributes(
    (
        rigs.llama_cpp_builds,
        rigs.hardware_inventory,
        rigs.engine_builds,
        rigs.model_files,
        runs.benchmark_runs,
        runs.run_files,
        warehouse.measurements,
        warehouse.speed_ranges,
        warehouse.workload_speeds,
        warehouse.comparisons,
        warehouse.build_trends,
        site.site_pages,
    )
)
