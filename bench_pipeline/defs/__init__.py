"""What Dagster sees: assets, checks, jobs, sensors, schedules, partitions, resources.

A thin layer: each body calls a plain function of another package, which a test can call without
Dagster. `gathered.py` has all of it, and `bench_pipeline.definitions` is what Dagster loads; how it
is run stands in `deploy/`.
"""
