"""The control plane: Redis, Postgres, a worker for what happens on no rig, Dagster's services, and
a look at the rigs every few seconds. All of it ends together."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import dagster as dg

from bench_pipeline.deploy.coordinator import QuietHours
from bench_pipeline.deploy.instance import ui_lock
from bench_pipeline.deploy.supervisor import run as supervised
from bench_pipeline.deploy.supervisor import services_command
from bench_pipeline.errors import BenchError
from bench_pipeline.farm import post
from bench_pipeline.farm.access import FILE, read_access
from bench_pipeline.farm.beats import BEAT_S, rigs_heard_of
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


class OnlyOne:
    """Of all control planes that use this database, on whatever machine, while the block lasts.
    BenchError if there is another: each would launch what is due, and end what it takes for
    lost."""

    def __init__(self, farm: Farm) -> None:
        self._access, self._home = farm.control, farm.home
        self._connection: Any = None

    def __enter__(self) -> Self:
        self._take()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def hold(self) -> None:
        """Asked now and then: a lock of Postgres's ends with Postgres, and is taken anew.
        BenchError if another control plane was quicker; psycopg2.OperationalError while there is
        no Postgres."""
        import psycopg2

        try:
            with self._connection.cursor() as cursor:
                cursor.execute("select 1")
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            self._connection.close()
            self._take()

    def _take(self) -> None:
        import psycopg2

        connection = psycopg2.connect(**self._access.postgres_connection(self._home))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("select pg_try_advisory_lock(%s)", (ONE_CONTROL_PLANE,))
            is_ours = cursor.fetchone() == (True,)
        if not is_ours:
            connection.close()
            raise BenchError(
                "another control plane uses this farm's database",
                mend="stop that one first",
                where=f"{self._access.host}:{self._access.postgres_port}",
            )
        self._connection = connection


def serve(project: Project, farm: Farm, port: int) -> int:
    """Until Ctrl-C or SIGTERM. Exit code of `supervisor.run`."""
    with ExitStack() as running:
        running.enter_context(ui_lock(farm.home))
        parts = running.enter_context(services(farm))
        lock = running.enter_context(OnlyOne(farm))
        with dg.DagsterInstance.get() as instance:
            end_runs_of_no_rig(instance)
        command = [sys.executable, "-m", "bench_pipeline.farm.worker", str(farm.home)]
        log = farm.folder / "worker.log"  # in this checkout, whichever package is installed
        worker = running.enter_context(Service(command, log, folder=project.root))
        watching = Look(project, farm.home, lock, parts, worker, lambda: reload_code(port))
        running.enter_context(watching)
        status = supervised(services_command(port), project.root)
        if watching.displaced is not None:
            raise watching.displaced
        return status


class Look:
    """A thread, while the block lasts, that takes in what comes home, ends what is lost, and starts
    again what ended."""

    def __init__(
        self,
        project: Project,
        home: Path,
        lock: OnlyOne,
        services: list[Service],
        worker: Service,
        reload: Callable[[], None],
    ) -> None:
        self._project, self._home, self._lock, self._reload = project, home, lock, reload
        self._services, self._worker = services, worker
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self._last_problem, self._worker_ended = "", False
        self.displaced: BenchError | None = None
        """Why this control plane had to end."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(BEAT_S)

    def _look_on(self) -> None:
        client = redis_client(read_access(self._home / FILE), self._home)
        with dg.DagsterInstance.get() as instance:
            watch, hours = Watch(instance), QuietHours(instance, self._project)
            while not self._ended.wait(BEAT_S / 3):
                for service in self._services:
                    _say(service.revive())
                try:
                    self._lock.hold()
                except BenchError as error:
                    self.displaced = error
                    os.kill(os.getpid(), signal.SIGTERM)
                    return
                except Exception as error:  # Postgres starts
                    self._cannot(error)
                    continue
                try:
                    if line := self._worker.revive():
                        _say(line)
                        self._worker_ended = True
                    if self._worker_ended:
                        end_runs_of_no_rig(instance)
                        self._worker_ended = False
                    for line in hours.keep(rigs_heard_of(instance), datetime.now(UTC)):
                        _say(line)
                    for line in look(instance, self._project, watch, client, self._reload):
                        _say(line)
                    self._last_problem = ""
                except Exception as error:  # a service that restarts, a full disk: next time
                    self._cannot(error)

    def _cannot(self, error: Exception) -> None:
        """Said once."""
        problem = (str(error).strip().splitlines() or [repr(error)])[0]
        if problem != self._last_problem:
            self._last_problem = problem
            _say(f"cannot look after the rigs: {problem}")


def _say(line: str | None) -> None:
    if line:
        print(f"farm: {line}", flush=True)


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
