"""What happens by itself after new runs: publishing. What requests runs is in `sentinel.py`.

The sensor is registered stopped; whoever runs the UI decides whether to switch it on.
"""

import dagster as dg

from bench_pipeline.defs.jobs import PUBLISHED

_NEW = dg.AutomationCondition.newly_missing() | dg.AutomationCondition.any_deps_updated()

# As `AutomationCondition.eager()`, but for what would leave a run unpublished:
# - A run that ends while its table is being made may have come too late for it. Eager takes an
#   update of both between two looks for handled; here only asking for the table does that, and not
#   where a run ended since it was asked for.
# - Eager waits until no rig measures any more, which on a farm may be never. Where the machine that
#   publishes is the rig, the queue lets one of both run (deploy/coordinator.py).
# - A rig that never ran here leaves its partitions of benchmark_runs missing for good.
# At first sight too: a run that ended just before this was switched on is as new as one after it,
# and publishing where nothing is new takes a moment.
AFTER_ITS_SOURCES = (
    _NEW.since(
        (dg.AutomationCondition.newly_requested() & ~_NEW)
        | dg.AutomationCondition.initial_evaluation()
    )
    | dg.AutomationCondition.initial_evaluation()
) & ~(
    dg.AutomationCondition.in_progress()
    | dg.AutomationCondition.any_deps_in_progress().ignore(
        dg.AssetSelection.assets("benchmark_runs")
    )
)

LOOK_EVERY_S = 30

publish_new_runs = dg.AutomationConditionSensorDefinition(
    "publish_new_runs",
    target=PUBLISHED,
    minimum_interval_seconds=LOOK_EVERY_S,
    description="After new runs: checks the files, refreshes the tables, builds the site.",
)
