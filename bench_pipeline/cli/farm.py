"""`farm-control`, `farm-rig`, `farm-status`: several rigs under one control plane."""

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bench_pipeline.errors import BenchError
from bench_pipeline.paths import Project

if TYPE_CHECKING:
    from dagster import DagsterInstance


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    control = commands.add_parser(
        "farm-control", help="the control plane of a farm: Redis, Postgres, Dagster"
    )
    control.add_argument(
        "--host", help="name or address under which rigs reach this machine (its host name)"
    )
    control.add_argument("--port", type=int, default=3000, help="of Dagster's pages, here alone")
    control.add_argument("--redis-port", type=int, default=16379)
    control.add_argument("--postgres-port", type=int, default=15432)
    control.set_defaults(run=run_control)
    rig = commands.add_parser("farm-rig", help="makes this machine a rig of a farm")
    rig.add_argument("--rig", required=True, help="what it is called")
    rig.add_argument("--join", type=Path, help="the file that farm-control wrote; once")
    rig.set_defaults(run=run_rig)
    status = commands.add_parser("farm-status", help="what each rig of the farm does")
    status.set_defaults(run=run_status)


def run_control(project: Project, options: argparse.Namespace) -> int:
    """Until Ctrl-C; nothing of it outlives this process."""
    _require_packages("farm-control")
    from bench_pipeline.cli.ui import require_free
    from bench_pipeline.farm.control import serve
    from bench_pipeline.farm.founding import found_farm

    require_free(options.port)
    host = options.host or platform.node()
    farm = found_farm(project, host, options.redis_port, options.postgres_port)
    print(f"The farm at {host} (ports {options.redis_port} and {options.postgres_port})")
    print(f"Dagster    http://localhost:{options.port}")
    print("A rig      copy the file below to it, by a way that nobody else reads; there:")
    print(f"           {farm.join_file}")
    print("           make farm-rig RIG=its-name JOIN=join.json", flush=True)
    return serve(project, farm, options.port)


def run_rig(project: Project, options: argparse.Namespace) -> int:
    """Until Ctrl-C: then what is in hand ends first; a second one ends it at once."""
    _require_packages("farm-rig")
    from bench_pipeline.farm.joining import become_worker, meet, prepare_rig

    home = prepare_rig(project, options.rig, options.join)
    for line in meet(project, home, options.rig):
        print(line)
    become_worker(home, options.rig)
    return 1  # not reached


def run_status(project: Project, options: argparse.Namespace) -> int:
    """On the control plane."""
    _require_packages("farm-status")
    import dagster as dg
    from rich.console import Console
    from rich.table import Table

    from bench_pipeline.farm.beats import rigs_heard_of
    from bench_pipeline.farm.status import farm_status, last_failures
    from bench_pipeline.harness.run_record import code_commit

    home = project.farm / "control"
    if not (home / "dagster.yaml").exists():
        raise BenchError(
            "there is no farm in this checkout", mend="make farm-control", where=project.farm
        )
    os.environ["DAGSTER_HOME"] = str(home)
    table = Table("rig", "state", "last sign", "does", "waiting", "commit", "builds", box=None)
    remarks = []
    with _farm_instance() as instance:
        for each in farm_status(instance, sorted(rigs_heard_of(instance)), code_commit()):
            table.add_row(
                *(each.rig, each.state, each.seen, each.doing, str(each.waiting)),
                *(each.commit, each.builds),
            )
            remarks += [f"{each.rig}: {remark}" for remark in each.remarks]
        failures = last_failures(instance)
        unplaced = instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table if table.row_count else "No rig has joined yet.")
    print(f"{unplaced} runs are queued")
    for line in remarks:
        print(f"note: {line}")
    for line in failures:
        print(f"failed: {line}")
    return 0


@contextmanager
def _farm_instance() -> Iterator["DagsterInstance"]:
    """BenchError if its Postgres does not answer."""
    import dagster as dg
    from dagster_postgres.utils import DagsterPostgresException

    try:
        with dg.DagsterInstance.get() as instance:
            yield instance
    except DagsterPostgresException as error:
        raise BenchError(
            f"the farm's database does not answer: {str(error.__cause__).splitlines()[0]}",
            mend="make farm-control",
            where="make farm-status",
        ) from None


def _require_packages(command: str) -> None:
    missing = [
        name
        for name in ("celery", "dagster_celery", "psycopg2", "redis")
        if find_spec(name) is None
    ]
    if missing:
        raise BenchError(
            f"not installed: {', '.join(missing)}",
            mend=f"make {command}, or: sh scripts/environment.sh farm",
            where=command,
        )
