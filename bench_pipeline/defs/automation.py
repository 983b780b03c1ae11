"""What happens by itself after new runs: publishing. What requests runs is in `sentinel.py`.

The sensor is registered stopped; whoever runs the UI decides whether to switch it on.
"""

import dagster as dg

from bench_pipeline.defs.jobs import PUBLISHED

# At first sight too: a run that ended just before this was switched on is as new as one after it,
# and publishing where nothing is new takes a moment.
#
# Without `~any_deps_missing`: a rig that never ran here leaves its partitions of
# benchmark_runs missing for good, which is no reason to hold the others' results back.
AFTER_ITS_SOURCES = dg.AutomationCondition.eager().without(
    ~dg.AutomationCondition.any_deps_missing()
) | (dg.AutomationCondition.initial_evaluation() & ~dg.AutomationCondition.in_progress())

publish_new_runs = dg.AutomationConditionSensorDefinition(
    "publish_new_runs",
    target=PUBLISHED,
    description="After new runs: checks the files, refreshes the tables, builds the site.",
)
