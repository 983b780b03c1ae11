"""What Dagster sees: assets, checks, jobs, sensors, schedules, partitions, resources.

A thin layer: each body calls a plain function of another package, which a test can call without
Dagster. `bench_pipeline.definitions` gathers it; how it is run stands in `deploy/`.
"""
