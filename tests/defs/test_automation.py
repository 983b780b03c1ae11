"""What the stopped-by-default sensor would launch."""

import dagster as dg

from bench_pipeline.defs.gathered import build_defs
from bench_pipeline.paths import Project

PUBLISHED = ("run_files", "measurements", "speed_ranges", "workload_speeds", "comparisons")
PUBLISHED += ("build_trends", "site_pages")


def requested(project: Project, instance: dg.DagsterInstance, cursor=None):
    definitions = build_defs(project=project)
    everything = dg.AssetSelection.assets(*definitions.resolve_asset_graph().get_all_asset_keys())
    return dg.evaluate_automation_conditions(
        defs=definitions, instance=instance, asset_selection=everything, cursor=cursor
    )


def tables_of(found: dg.EvaluateAutomationConditionsResult) -> set[str]:
    """Which of what is published was requested."""
    return {name for name in PUBLISHED if found.get_num_requested(dg.AssetKey(name))}


def published(instance: dg.DagsterInstance) -> None:
    """By one run, as each publication is."""
    tables = [dg.asset(name=name)(lambda: None) for name in PUBLISHED]
    everything = dg.Definitions(tables).resolve_implicit_global_asset_job_def()
    selected = [dg.AssetKey(name) for name in PUBLISHED]
    assert everything.execute_in_process(instance=instance, asset_selection=selected).success


def measured(instance: dg.DagsterInstance) -> None:
    instance.report_runless_asset_event(
        dg.AssetMaterialization("benchmark_runs", partition="shared-vm-2core/cpu")
    )


def in_progress(project: Project, instance: dg.DagsterInstance, *names: str) -> None:
    job = build_defs(project=project).resolve_implicit_global_asset_job_def()
    selected = frozenset(map(dg.AssetKey, names))
    tags = {"dagster/partition": "shared-vm-2core/cpu"} if "benchmark_runs" in names else {}
    instance.create_run_for_job(
        job.get_subset(asset_selection=selected),
        asset_selection=selected,
        tags=tags,
        status=dg.DagsterRunStatus.STARTED,
    )


def test_being_switched_on_it_publishes_what_a_run_left_just_before(
    project: Project, instance: dg.DagsterInstance
) -> None:
    measured(instance)
    first = requested(project, instance)
    assert tables_of(first) == {*PUBLISHED}
    published(instance)
    assert requested(project, instance, first.cursor).total_requested == 0


def test_a_new_run_of_one_rig_publishes_though_other_rigs_never_ran(
    project: Project, instance: dg.DagsterInstance
) -> None:
    switched_on = requested(project, instance)
    published(instance)
    first = requested(project, instance, switched_on.cursor)
    assert first.total_requested == 0
    measured(instance)
    after_a_run = requested(project, instance, first.cursor)
    assert tables_of(after_a_run) == {*PUBLISHED}
    nothing_new = requested(project, instance, after_a_run.cursor)
    assert nothing_new.total_requested == 0


def test_a_run_that_ends_while_another_is_published_is_published_too(
    project: Project, instance: dg.DagsterInstance
) -> None:
    switched_on = requested(project, instance)
    measured(instance)
    published(instance)  # of what was there as it began
    again = requested(project, instance, switched_on.cursor)
    assert tables_of(again) == {*PUBLISHED}
    published(instance)
    assert requested(project, instance, again.cursor).total_requested == 0


def test_a_rig_that_measures_holds_back_no_other_ones_results(
    project: Project, instance: dg.DagsterInstance
) -> None:
    switched_on = requested(project, instance)
    published(instance)
    measured(instance)
    in_progress(project, instance, "benchmark_runs")
    found = requested(project, instance, switched_on.cursor)
    assert tables_of(found) == {*PUBLISHED}


def test_while_it_publishes_it_does_not_begin_anew(
    project: Project, instance: dg.DagsterInstance
) -> None:
    switched_on = requested(project, instance)
    published(instance)
    measured(instance)
    in_progress(project, instance, *PUBLISHED)
    held = requested(project, instance, switched_on.cursor)
    assert held.total_requested == 0
    published(instance)
    after = requested(project, instance, held.cursor)
    assert tables_of(after) == {*PUBLISHED}


def test_it_never_starts_a_benchmark(project: Project, instance: dg.DagsterInstance) -> None:
    found = requested(project, instance)
    for name in ("benchmark_runs", "engine_builds", "model_files", "hardware_inventory"):
        assert found.get_num_requested(dg.AssetKey(name)) == 0
