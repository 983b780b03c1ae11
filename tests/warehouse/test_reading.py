"""Run files are read by several processes as by one, and a file's mistake stays its own."""

import os
import shutil
import signal

import pytest

from bench_pipeline.errors import WarehouseError
from bench_pipeline.warehouse import ingest
from bench_pipeline.warehouse.reading import Batch, Task
from bench_pipeline.warehouse.refresh import refresh
from tests.curve_factories import curve_and_bare_engine
from tests.edits import edit_run
from tests.warehouse.test_ingest import contents


@pytest.fixture
def by_two_processes(monkeypatch):
    monkeypatch.setattr(ingest, "usable_cores", lambda: 2)
    monkeypatch.setattr(ingest, "_WORTH_PROCESSES_BYTES", 0)
    monkeypatch.setattr(ingest, "_TASK_BYTES", 1)


def killed(task: Task) -> Batch:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def test_several_processes_make_the_same_tables_and_reject_the_same(
    project, put, small, monkeypatch, request
):
    paths = [put(small(seed=seed, **curve_and_bare_engine())) for seed in range(6)]
    edit_run(paths[2], "schema_version: 4", "schema_version: 99")
    for folder, path in (("a", paths[3]), ("z", paths[4])):
        copy = project.runs.joinpath(folder, *path.parts[-3:])
        copy.parent.mkdir(parents=True)
        shutil.copy(path, copy)
    alone = refresh(project)
    before = contents(project)
    shutil.rmtree(project.warehouse.parent)
    request.getfixturevalue("by_two_processes")
    together = refresh(project)
    assert contents(project) == before
    assert list(map(str, together.rejected)) == list(map(str, alone.rejected))
    assert (together.ingested, len(together.rejected)) == (5, 3)


def test_a_killed_process_is_said_and_leaves_the_warehouse_as_it_was(
    project, put, small, monkeypatch, by_two_processes
):
    put(small(seed=0))
    refresh(project)
    before = contents(project)
    for seed in (1, 2, 3):
        put(small(seed=seed))
    with monkeypatch.context() as patched:
        patched.setattr(ingest, "read_batch", killed)
        with pytest.raises(WarehouseError, match="was killed") as raised:
            refresh(project)
    assert "memory" in raised.value.mend
    assert contents(project) == before
    monkeypatch.setattr(ingest, "usable_cores", lambda: 1)  # the next starts no others
    assert refresh(project).ingested == 3


def test_a_number_that_no_table_holds_rejects_its_file_alone(project, put, small, rows):
    good, bad = put(small(seed=1)), put(small(seed=2))
    edit_run(bad, "size_bytes: 98362432", f"size_bytes: {2**70}")
    report = refresh(project)
    (problem,) = [error.problem for error in report.rejected]
    assert problem.startswith("model.")
    assert str(report.rejected[0].where).startswith(str(bad))
    assert rows("select path from runs") == [(str(good.relative_to(project.root)),)]
