"""The persistent Dagster instance of a checkout, in its `.dagster_home/`."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._grpc.client import DagsterGrpcClient
from filelock import FileLock, Timeout

from bench_pipeline.deploy.bench_pipeline_cli import MODULE, make_home
from bench_pipeline.errors import BenchError
from bench_pipeline.paths import Project

SINGLE_MACHINE = Path(__file__).with_name("dagster.single.yaml")
COMMAND_TAG = "bench/command"
"""On runs that the command line made: they have no run worker whose end Dagster would see."""


def prepare_home(project: Project) -> Path:
    """Makes the instance's folder if need be and names it to Dagster in this process."""
    make_home(str(project.dagster_home), str(SINGLE_MACHINE))
    os.environ["DAGSTER_HOME"] = str(project.dagster_home)
    return project.dagster_home


@contextmanager
def command_instance(project: Project) -> Iterator[dg.DagsterInstance]:
    """The instance, held by one command at a time.

    A command that was killed leaves its run `STARTED` for ever, which would look busy in the
    UI and hold automation back. Whoever holds the lock knows that no such run is alive.
    BenchError if another command holds it.
    """
    home = prepare_home(project)
    with _command_lock(home), dg.DagsterInstance.get() as instance:
        _end_abandoned(instance, _of_commands)
        with suppress(BenchError), ui_lock(home, wait_s=0):  # else their UI may be alive
            _end_abandoned(instance, _of_the_ui)
        yield instance


def end_lost_runs(instance: dg.DagsterInstance, home: Path) -> None:
    """For `make ui`, once it holds its lock: runs launched from there end with it, also in a power
    cut, and one that stays `STARTED` would keep its rig busy for ever."""
    _end_abandoned(instance, _of_the_ui)
    with suppress(BenchError), _command_lock(home):
        _end_abandoned(instance, _of_commands)


def ui_lock(home: Path, wait_s: float = 1.0) -> AbstractContextManager[None]:
    """Held while `make ui` serves this instance, and for a moment by a command that ends what an
    earlier one left. BenchError if another one serves: both would launch what sensors and
    schedules ask for."""
    return _lock(
        home / "ui.lock",
        "another `make ui` serves this checkout",
        "open that one, or stop it",
        wait_s,
    )


def _command_lock(home: Path) -> AbstractContextManager[None]:
    return _lock(
        home / "command.lock",
        "another `make bench` is running in this checkout",
        "wait until it has ended, or stop it",
    )


@contextmanager
def _lock(file: Path, taken: str, mend: str, wait_s: float = 0.0) -> Iterator[None]:
    """Ends with this process at the latest. BenchError with who holds it if another one does."""
    lock, note = FileLock(file), file.with_suffix(".holder")
    try:
        lock.acquire(timeout=wait_s)
    except Timeout:
        holder = f" ({note.read_text()})" if note.exists() else ""
        raise BenchError(f"{taken}{holder}", mend=mend, where=file) from None
    try:
        note.write_text(f"pid {os.getpid()}")
        yield
    finally:
        lock.release()


@contextmanager
def as_in_the_ui(instance: dg.DagsterInstance, job: str) -> Iterator[None]:
    """Runs that are made meanwhile belong to `job` of the code location that `make ui` serves.

    Else the UI shows them in the list of all runs and nowhere else: its jobs, its timeline and
    "latest run" look for runs of a job of a repository of a location, which `execute_in_process`
    does not name.
    """
    location = ManagedGrpcPythonEnvCodeLocationOrigin(
        LoadableTargetOrigin(module_name=MODULE), location_name=MODULE
    )
    repository = RemoteRepositoryOrigin(location, "__repository__")
    ordinary = instance.create_run_for_job

    def create(*args: Any, **options: Any) -> dg.DagsterRun:
        options["tags"] = {
            **(options.get("tags") or {}),
            **{".dagster/repository": f"{repository.repository_name}@{MODULE}"},
        }
        options["remote_job_origin"] = RemoteJobOrigin(repository, job)
        return ordinary(*args, **options)

    instance.create_run_for_job = create  # type: ignore[method-assign]
    try:
        yield
    finally:
        del instance.create_run_for_job


def _of_commands(run: dg.DagsterRun) -> bool:
    return COMMAND_TAG in run.tags


def _of_the_ui(run: dg.DagsterRun) -> bool:
    """Launched into a code server, by a page, a backfill or the daemon, and that server is gone;
    `dagster dev` may be running beside us without our lock."""
    if COMMAND_TAG in run.tags or run.remote_job_origin is None:
        return False
    told = json.loads(run.tags.get(GRPC_INFO_TAG, "null"))
    if told is None:
        return run.status is not dg.DagsterRunStatus.NOT_STARTED
    host = told.get("host") or "localhost"
    server = DagsterGrpcClient(told.get("port"), told.get("socket"), host)
    try:
        server.ping("")
    except DagsterUserCodeUnreachableError:
        return True
    return False


def _end_abandoned(instance: dg.DagsterInstance, of_ours: Callable[[dg.DagsterRun], bool]) -> None:
    unfinished = [
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ]
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=unfinished)):
        if of_ours(run):
            instance.report_run_failed(run, "What ran this was killed, or lost its power.")
