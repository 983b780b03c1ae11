"""A farm with real Redis, real Postgres and a real engine: two rigs that see nothing of each other
or of the control plane's files."""

import itertools
import os
from collections.abc import Iterator
from contextlib import suppress

import dagster as dg
import psutil
import pytest

from bench_pipeline.farm.access import read_access
from bench_pipeline.records.yaml.files import read_run, run_files
from tests.farm.machines import BACKENDS, Farm, enterable_folder, eventually, running_farm

WANTED = "BENCH_PIPELINE_TEST_FARM"
pytestmark = pytest.mark.skipif(
    WANTED not in os.environ,
    reason=f"takes minutes: only with {WANTED}=1. What it is made of is tested beside it",
)

RIGS = ["left-rig", "right-rig"]
PARTITIONS = [f"{rig}/{backend}" for rig in RIGS for backend in BACKENDS]


@pytest.fixture(scope="module")
def farm(small_model, engine) -> Iterator[Farm]:
    with (
        enterable_folder() as folder,
        running_farm(folder, small_model[0], engine.build, RIGS) as farm,
    ):
        for rig in farm.rigs:
            rig.join()
        eventually(
            lambda: set(PARTITIONS) <= set(farm.control.partitions()), "both rigs to join", farm
        )
        yield farm


def test_a_backfill_is_measured_on_both_rigs_and_published(farm: Farm) -> None:
    """Four partitions, two on each rig: four run files."""
    control = farm.control
    control.backfill(PARTITIONS)
    eventually(lambda: len(list(run_files(control.project.runs))) == 4, "four run files", farm)
    runs = [read_run(path) for path in run_files(control.project.runs)]
    assert sorted(f"{run.rig}/{run.backend}" for run in runs) == sorted(PARTITIONS)
    assert {run.status for run in runs} == {"ok"}

    with control.instance() as instance:

        def ended() -> bool:
            found = instance.get_runs()
            return len(found) == 4 and all(run.is_finished for run in found)

        eventually(ended, "the backfill's runs to end", farm)
        found = instance.get_runs()
        assert {run.status for run in found} == {dg.DagsterRunStatus.SUCCESS}
        spans: dict[str, list[tuple[float, float]]] = {rig: [] for rig in RIGS}
        for run in found:
            stats = instance.get_run_stats(run.run_id)
            spans[run.tags["bench/rig"]].append((stats.start_time or 0, stats.end_time or 0))
    for of_rig in spans.values():
        (_, first_end), (second_start, _) = sorted(of_rig)
        assert first_end <= second_start, "two at once on one rig"
    assert any(a[0] < b[1] and b[0] < a[1] for a, b in itertools.product(*spans.values())), (
        "the rigs never worked at the same time"
    )

    control.launch("publish", [])
    pages = control.project.site / "runs"
    eventually(
        lambda: all((pages / f"{run.run_id}.html").exists() for run in runs), "the site", farm
    )


def test_a_run_whose_worker_is_killed_fails_and_is_asked_for_once_more(farm: Farm) -> None:
    """No run is lost, none made twice, no engine left behind, and the rig is free again."""
    control, rig = farm.control, farm.rigs[0]
    place = f"{rig.slug}/cpu"
    before = set(run_files(control.project.runs))
    wanted = {"models": [farm.model], "profile": "quick", "remeasure": True}
    first = control.launch("measure", ["benchmark_runs"], place, benchmark_runs=wanted)
    eventually(lambda: rig.engines(), "an engine at work", farm)
    rig.worker().kill()
    eventually(lambda: not rig.engines(), "the engine to end with it", farm)
    rig.switch_off()  # what is left of its shell
    rig.join()
    eventually(lambda: set(run_files(control.project.runs)) - before, "the run made anew", farm)

    with control.instance() as instance:

        def group() -> list[dg.DagsterRun]:
            found = instance.get_run_group(first)
            return sorted(found[1], key=lambda run: run.run_id != first) if found else []

        eventually(
            lambda: len(group()) == 2 and all(run.is_finished for run in group()),
            "both runs to end",
            farm,
        )
        lost, again = group()
        assert lost.status is dg.DagsterRunStatus.FAILURE
        assert again.status is dg.DagsterRunStatus.SUCCESS
    (made,) = set(run_files(control.project.runs)) - before
    assert read_run(made).status == "ok"
    said = control.run("python", "-m", "bench_pipeline", "farm-status")
    assert "does not have it any more" in said
    assert f"asked for once more as {again.run_id[:8]}" in said


def test_no_secret_is_in_a_command_line_a_log_or_the_instance(farm: Farm) -> None:
    folder = farm.control.project.farm
    accesses = [read_access(folder / name) for name in ("control.json", "join.json")]
    secrets = [each.redis_password for each in accesses]
    secrets += [each.postgres_password for each in accesses]
    said = [farm.control.said(), *(rig.said() for rig in farm.rigs)]
    said += [path.read_text(errors="replace") for path in folder.glob("*.log")]
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            said.append(" ".join(process.cmdline()))
    with farm.control.instance() as instance:
        said.append(str(instance.get_ref()))
        for run in instance.get_runs():
            said.append(str(run))
            said += [str(record) for record in instance.all_logs(run.run_id)]
    for secret in secrets:
        assert not any(secret in text for text in said)
