"""The persistent Dagster instance of a checkout, in its `.dagster_home/`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
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
    lock = FileLock(home / "command.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BenchError(
            "another `make bench` is running in this checkout",
            mend="wait until it has ended, or stop it",
            where=home / "command.lock",
        ) from None
    try:
        with dg.DagsterInstance.get() as instance:
            _end_abandoned_runs(instance)
            yield instance
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


def _end_abandoned_runs(instance: dg.DagsterInstance) -> None:
    unfinished = [
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ]
    wanted = dg.RunsFilter(statuses=unfinished, tags={COMMAND_TAG: "bench"})
    for run in instance.get_runs(filters=wanted):
        instance.report_run_failed(run, "The command that ran this was killed.")
