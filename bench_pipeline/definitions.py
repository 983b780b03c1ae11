"""Everything Dagster knows of: `defs`, the code location's one object. Its own commands and
processes load it; ours take `build_defs`."""

import gc
import sys

import dagster  # noqa: F401

# What Dagster made so far stays. Python looks for garbage in it at every collection and once more
# at the end, a fifth of a command that finds nothing new. Not where DuckDB is there already: it
# would call what is left of it at the end a leak.
if "duckdb" not in sys.modules:
    gc.freeze()

from bench_pipeline.defs.gathered import build_defs

defs = build_defs()
