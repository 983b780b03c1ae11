"""The control plane: Redis, Postgres, a worker for what happens on no rig, Dagster's services, and
a look at the rigs every few seconds. All of it ends together."""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from bench_pipeline.deploy.instance import ui_lock
from bench_pipeline.deploy.supervisor import run as supervised
from bench_pipeline.deploy.supervisor import services_command
from bench_pipeline.errors import BenchError
from bench_pipeline.farm import post
from bench_pipeline.farm.access import FILE, read_access
from bench_pipeline.farm.beats import BEAT_S
from bench_pipeline.farm.declared import take_declarations
from bench_pipeline.farm.founding import Farm
from bench_pipeline.farm.queues import redis_client, waiting_runs
from bench_pipeline.farm.services import (
    Service,
    admit_rigs,
    owner_of_database,
    postgres_command,
    redis_command,
    wait_for,
)
from bench_pipeline.farm.watch import Watch, end_runs_of_no_rig
from bench_pipeline.paths import Project

ONE_CONTROL_PLANE = 0x62656E6368
"""Of a lock in Postgres, which it gives to one connection at a time."""

logger = logging.getLogger("bench_pipeline.farm")


@contextmanager
def services(farm: Farm) -> Iterator[list[Service]]:
    """Redis and Postgres, with the rigs' user and Dagster's tables in them."""
    owner = owner_of_database()
    with (
        Service(redis_command(farm.redis_settings), farm.folder / "redis.log") as redis,
        Service(postgres_command(farm.database), farm.folder / "postgres.log", owner) as postgres,
    ):
        wait_for(redis_client(farm.control, farm.home).ping, redis)
        wait_for(lambda: admit_rigs(farm.control, farm.rig, farm.home), postgres)
        os.environ["DAGSTER_HOME"] = str(farm.home)
        with dg.DagsterInstance.get():
            pass  # makes the tables, which rigs may not
        yield [redis, postgres]


@contextmanager
def only_one(farm: Farm) -> Iterator[None]:
    """Of all control planes that use this database, on whatever machine. BenchError if there is
    another: each would launch what is due, and end what it takes for lost."""
    import psycopg2

    connection = psycopg2.connect(**farm.control.postgres_connection(farm.home))
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("select pg_try_advisory_lock(%s)", (ONE_CONTROL_PLANE,))
            if cursor.fetchone() != (True,):
                raise BenchError(
                    "another control plane uses this farm's database",
                    mend="stop that one first",
                    where=f"{farm.control.host}:{farm.control.postgres_port}",
                )
        yield
    finally:
        connection.close()


def serve(project: Project, farm: Farm, port: int) -> int:
    """Until Ctrl-C or SIGTERM. Exit code of `supervisor.run`."""
    with ExitStack() as running:
        running.enter_context(ui_lock(farm.home))
        parts = running.enter_context(services(farm))
        running.enter_context(only_one(farm))
        with dg.DagsterInstance.get() as instance:
            end_runs_of_no_rig(instance)
        command = [sys.executable, "-m", "bench_pipeline.farm.worker", str(farm.home)]
        worker = running.enter_context(Service(command, farm.folder / "worker.log"))
        parts = [*parts, worker]
        running.enter_context(looking_after(project, farm.home, parts, lambda: reload_code(port)))
        return supervised(services_command(port), project.root)


@contextmanager
def looking_after(
    project: Project, home: Path, parts: list[Service], reload: Callable[[], None]
) -> Iterator[None]:
    """A thread that takes in what comes home, ends what is lost, and starts again what ended."""
    ended = threading.Event()
    given = (project, home, parts, reload, ended)
    thread = threading.Thread(target=look_on, args=given, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(BEAT_S)


def look_on(
    project: Project,
    home: Path,
    parts: list[Service],
    reload: Callable[[], None],
    ended: threading.Event,
) -> None:
    last = ""
    client = redis_client(read_access(home / FILE), home)
    with dg.DagsterInstance.get() as instance:
        watch = Watch(instance)
        while not ended.wait(BEAT_S / 3):
            for part in parts:
                if line := part.revive():
                    print(f"farm: {line}", flush=True)
            try:
                for line in look(instance, project, watch, client, reload):
                    print(f"farm: {line}", flush=True)
                last = ""
            except Exception as error:  # a service that restarts, a full disk: next time
                if (problem := str(error).strip().splitlines()[0:1]) and problem[0] != last:
                    last = problem[0]
                    print(f"farm: cannot look after the rigs: {last}", flush=True)


def look(
    instance: dg.DagsterInstance,
    project: Project,
    watch: Watch,
    client: Any,
    reload: Callable[[], None],
) -> Iterator[str]:
    """Once. What there is to tell."""
    declared = take_declarations(instance, project)
    yield from declared
    if declared:
        reload()
    if line := post.said(post.receive(instance, project)):
        yield line
    lost = watch.end_lost_runs(lambda queues: waiting_runs(client, queues))
    for run_id, why in lost.items():
        yield f"run {run_id} was lost {why}; it is asked for once more"


def reload_code(port: int) -> None:
    """So that Dagster knows the partitions of a rig that was declared just now."""
    import httpx

    from bench_pipeline.deploy.bench_pipeline_cli import MODULE

    query = """mutation($name: String!) {
      reloadRepositoryLocation(repositoryLocationName: $name) { __typename } }"""
    address = f"http://127.0.0.1:{port}/graphql"
    try:
        httpx.post(address, json={"query": query, "variables": {"name": MODULE}}, timeout=60)
    except httpx.TransportError:
        logger.info("the UI is not up yet; it will read the new rig as it starts")
