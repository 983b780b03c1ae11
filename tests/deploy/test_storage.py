"""Engines are kept, and nothing of what lies in the files is."""

import shutil
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.storage import sql
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage

from bench_pipeline.deploy.instance import command_instance
from bench_pipeline.deploy.storage import make_once
from bench_pipeline.paths import Project

MODULES = (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage)


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")  # put back afterwards, whatever is set meanwhile
    make_once()


def runs_of(instance: dg.DagsterInstance) -> list[tuple[str, list[str]]]:
    return [
        (
            run.run_id,
            [
                entry.dagster_event.message
                for entry in instance.all_logs(run.run_id)
                if entry.dagster_event
            ],
        )
        for run in instance.get_runs()
    ]


def add_run(instance: dg.DagsterInstance) -> str:
    @dg.job
    def nothing() -> None: ...

    run = instance.create_run_for_job(nothing)
    instance.report_engine_event("told", run)
    return run.run_id


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.split(".")[-1])
def test_a_database_has_one_engine_unless_it_would_hold_a_connection(module, tmp_path) -> None:
    one, other = (f"sqlite:///{tmp_path / name}.db" for name in ("one", "other"))
    kept = module.create_engine(one, poolclass=module.NullPool)
    assert module.create_engine(one, poolclass=module.NullPool) is kept
    assert module.create_engine(other, poolclass=module.NullPool) is not kept
    assert module.create_engine(one) is not module.create_engine(one)


def test_alembics_revisions_are_read_once() -> None:
    config = sql.get_alembic_config(sqlite_event_log.__file__)
    again = sql.get_alembic_config(sqlite_run_storage.__file__)
    assert sql.ScriptDirectory.from_config(config) is sql.ScriptDirectory.from_config(again)


def test_between_statements_no_file_is_open_and_what_others_write_is_read(project: Project) -> None:
    with command_instance(project) as ours:
        run_id = add_run(ours)
        opened = [Path(file.path).suffix for file in psutil.Process().open_files()]
        assert not {".db", ".db-wal", ".db-shm"} & set(opened)
        with dg.DagsterInstance.from_config(str(project.dagster_home)) as theirs:
            assert runs_of(theirs) == [(run_id, ["told"])]
            second = add_run(theirs)
        assert {run_id for run_id, _ in runs_of(ours)} == {run_id, second}


def test_a_home_that_was_removed_begins_anew(project: Project) -> None:
    with command_instance(project) as instance:
        add_run(instance)
    shutil.rmtree(project.dagster_home)
    with command_instance(project) as instance:
        assert runs_of(instance) == []
        run_id = add_run(instance)
        assert runs_of(instance) == [(run_id, ["told"])]
    assert list(project.dagster_home.rglob("runs.db"))
