"""What grows with a farm's queue and with its rigs, each asked alone: CPU seconds of this process.

    python benchmarks/farm_queue.py [--queued 500 2000 5000] [--rigs 50 200]

Real Redis and Postgres over TLS, as `farm-control` starts them, with that many runs in the queue
and that many rigs that gave signs of life. Columns: one look of Dagster's daemon at the queue
(every 5 s), one look of ours at what is in hand and at the rigs (every 5 s), the page of
`farm-status`, one sign of life (every 15 s for each rig, on the rig), and how many connections to
Postgres that takes. What Postgres itself works for them is not in it, nor is launching.
"""

import argparse
import os
import resource
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import dagster as dg
import yaml
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import (
    QueuedRunCoordinatorDaemon,
)

from bench_pipeline.deploy.coordinator import FarmQueue, QuietHours
from bench_pipeline.farm import beats
from bench_pipeline.farm.control import services
from bench_pipeline.farm.declared import take_declarations
from bench_pipeline.farm.founding import DATA_VARIABLE, found_farm
from bench_pipeline.farm.queues import redis_client, waiting_runs
from bench_pipeline.farm.status import farm_status, last_failures
from bench_pipeline.farm.watch import Watch
from bench_pipeline.paths import Project
from benchmarks.text_table import table
from tests.farm.machines import enterable_folder, free_ports

COPY_RUNS = """insert into runs (run_id, snapshot_id, pipeline_name, status, run_body,
        create_timestamp, update_timestamp)
    select replace(run_id, '{old}', '') || 'copy-' || n, snapshot_id, pipeline_name, status,
        replace(replace(run_body, '{old}', 'copy-' || n), '{rig}', 'rig-' || mod(n, {rigs})),
        create_timestamp, update_timestamp
    from runs, generate_series(1, {count}) n where run_id = '{old}'"""
COPY_TAGS = """insert into run_tags (run_id, key, value)
    select 'copy-' || n, key, replace(value, '{rig}', 'rig-' || mod(n, {rigs}))
    from run_tags, generate_series(1, {count}) n where run_id = '{old}'"""
RIG = "rig-to-copy"
RIG_FILE = {"title": "One of many", "backends": {"cpu": {}}}


@dg.job
def nothing() -> None:
    """As far as the queue looks, one is as another."""


def cpu_s(work: Callable[[], object]) -> float:
    """The second time: what is made once is made."""
    work()
    before = resource.getrusage(resource.RUSAGE_SELF)
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def sql(instance: dg.DagsterInstance, question: str) -> object:
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        found = connection.exec_driver_sql(question)
        return found.scalar() if found.returns_rows else None


def fill(instance: dg.DagsterInstance, project: Project, queued: int, rigs: int) -> None:
    server = GrpcServerCodeLocationOrigin(host="localhost", socket="none", location_name="here")
    run = instance.create_run_for_job(
        nothing,
        tags={"dagster/partition": f"{RIG}/cpu"},
        status=dg.DagsterRunStatus.QUEUED,
        remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(server, "a"), "nothing"),
    )
    assert isinstance(instance.run_coordinator, FarmQueue)
    instance.run_coordinator.tag_with_rig(run, datetime.now(UTC))
    words = {"old": run.run_id, "rig": RIG, "rigs": rigs, "count": queued}
    for copy in (COPY_RUNS, COPY_TAGS):
        sql(instance, copy.format(**words))
    instance.delete_run(run.run_id)
    for number in range(rigs):
        (project.rigs / f"rig-{number}.yaml").write_text(yaml.safe_dump(RIG_FILE))
        beats.tell(instance, beat(f"rig-{number}", instance))


def beat(rig: str, instance: dg.DagsterInstance) -> beats.Beat:
    now = beats.database_time(instance)
    return beats.Beat(rig, now, now, 0.0, "a commit", "here", ())


def measured(queued: int, rigs: int) -> list[str]:
    with enterable_folder() as folder:
        os.environ[DATA_VARIABLE] = str(folder / "postgres")
        project = Project(folder)
        project.rigs.mkdir(parents=True)
        farm = found_farm(project, "127.0.0.1", *free_ports(2))
        with services(farm), dg.DagsterInstance.from_config(str(farm.home)) as instance:
            fill(instance, project, queued, rigs)
            client = redis_client(farm.control, farm.home)
            daemon = QueuedRunCoordinatorDaemon(interval_seconds=5)
            limits, watch = instance.get_concurrency_config(), Watch(instance)
            hours, names = QuietHours(instance, project), beats.rigs_heard_of(instance)

            def look() -> None:
                take_declarations(instance, project)
                watch.end_lost_runs(lambda queues: waiting_runs(client, queues))
                hours.keep(beats.rigs_heard_of(instance), datetime.now(UTC))

            def status() -> None:
                list(farm_status(instance, names, None))
                last_failures(instance)

            costs = [
                cpu_s(lambda: daemon._get_runs_to_dequeue(instance, limits, None)),
                cpu_s(look),
                cpu_s(status),
                cpu_s(lambda: beats.tell(instance, beat("rig-1", instance))),
            ]
            sessions = "select sessions from pg_stat_database where datname = 'dagster'"
            flushed = "select pg_stat_force_next_flush()"
            before = sql(instance, sessions)
            for _ in range(20):
                beats.tell(instance, beat("rig-1", instance))
            sql(instance, flushed)
            after = sql(instance, sessions)
            each = (int(str(after)) - int(str(before)) - 2) / 20
    return [str(queued), str(rigs), *(f"{s:.2f}" for s in costs), f"{each:.1f}"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queued", nargs="+", type=int, default=[500, 2000, 5000])
    parser.add_argument("--rigs", nargs="+", type=int, default=[50, 200])
    options = parser.parse_args()
    rows = [["queued", "rigs", "queue s", "look s", "status s", "beat s", "connections"]]
    for queued in options.queued:
        for rigs in options.rigs:
            rows.append(measured(queued, rigs))
            print(table(rows), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
