"""The DuckDB file: one writer at a time, whole transactions, and no harm in losing it."""

import signal
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench_pipeline.errors import WarehouseError
from bench_pipeline.warehouse.refresh import refresh
from bench_pipeline.warehouse.store import Warehouse
from tests import full_disk
from tests.forking import forked
from tests.warehouse import processes


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "warehouse" / "measurements.duckdb", wait_s=30)


class Told:
    """Keeps what a reporter is told to say."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def step(self, what, total=None, unit=""):
        from bench_pipeline.progress import Silent

        return Silent().step(what, total, unit)

    def say(self, line: str) -> None:
        self.lines.append(line)


def test_an_error_rolls_everything_back(warehouse):
    with warehouse.write() as connection:
        connection.execute("create table kept (x integer)")
    with pytest.raises(ZeroDivisionError), warehouse.write() as connection:
        connection.execute("insert into kept values (1)")
        connection.execute("create table lost (x integer)")
        raise ZeroDivisionError
    with warehouse.read() as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)
        assert connection.execute("select table_name from duckdb_tables()").fetchall() == [
            ("kept",)
        ]


def test_an_error_leaves_the_file_free_for_others(warehouse):
    with pytest.raises(ZeroDivisionError), warehouse.write():
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), warehouse.read():
        raise ZeroDivisionError
    with forked(processes.opens, warehouse.path) as (other, said):
        assert said.recv() == "closed"
    assert other.exitcode == 0


def test_a_reader_cannot_write(warehouse):
    import duckdb

    with warehouse.write() as connection:
        connection.execute("create table t (x integer)")
    with warehouse.read() as connection, pytest.raises(duckdb.InvalidInputException):
        connection.execute("insert into t values (1)")


def test_reading_without_a_warehouse_names_the_mend(warehouse):
    with pytest.raises(WarehouseError) as caught, warehouse.read():
        pass
    assert "no warehouse yet" in str(caught.value)
    assert "measurements" in caught.value.mend


def test_a_writer_waits_for_the_reader_of_another_process(warehouse):
    with warehouse.write() as connection:
        connection.execute("create table t (x integer)")
    with forked(processes.reads, warehouse.path) as (reader, said):
        assert said.recv() == "open"
        with pytest.raises(WarehouseError) as caught, Warehouse(warehouse.path, wait_s=0).write():
            pass
        assert "in use by another process" in caught.value.problem
        reader.kill()
        with warehouse.write() as connection:
            connection.execute("insert into t values (1)")


def test_a_reader_and_a_writer_of_one_process_take_turns(warehouse):
    with warehouse.write() as connection:
        connection.execute("create table t as select 1 as x")
    found = []

    def read() -> None:
        with warehouse.read() as connection:
            found.append(connection.execute("select max(x) from t").fetchone())

    with warehouse.write() as connection:
        reader = threading.Thread(target=read)
        reader.start()
        time.sleep(0.2)
        connection.execute("insert into t values (2)")
    reader.join()
    assert found == [(2,)]


@pytest.mark.parametrize("content", [b"hello" * 1000, b"", b"\x00" * 12288])
def test_a_file_that_is_no_database_is_moved_aside_and_rebuilt(project, put, small, rows, content):
    put(small())
    project.warehouse.parent.mkdir()
    project.warehouse.write_bytes(content)
    told = Told()
    report = refresh(project, told)
    assert report.ingested == 1
    [line] = told.lines
    assert "measurements.broken.duckdb" in line
    broken = project.warehouse.with_name("measurements.broken.duckdb")
    assert broken.read_bytes() == content
    assert rows("select count(*) from runs") == [(1,)]


def with_damaged_blocks(whole: bytes) -> bytes:
    damaged = bytearray(whole)
    for place in range(3 * 4096, len(damaged), 512):  # behind its three headers
        damaged[place] ^= 0xFF
    return bytes(damaged)


def test_a_cut_off_or_damaged_database_is_moved_aside_and_rebuilt(project, put, small, rows):
    for seed in range(3):
        put(small(seed=seed))
    refresh(project)
    whole = project.warehouse.read_bytes()
    for damaged in (whole[:3], whole[:6000], whole[:20000], with_damaged_blocks(whole)):
        project.warehouse.write_bytes(damaged)
        told = Told()
        report = refresh(project, told)
        assert (report.ingested, report.row_counts["runs"], len(told.lines)) == (3, 3, 1)
        assert rows("select count(*) from requests where not warmup") == [(15,)]


def test_reading_a_broken_file_names_the_mend_and_leaves_it(warehouse):
    warehouse.path.parent.mkdir()
    warehouse.path.write_bytes(b"hello" * 1000)
    with pytest.raises(WarehouseError) as caught, warehouse.read():
        pass
    assert "not a valid DuckDB database file" in caught.value.problem
    assert "rebuilds" in caught.value.mend
    assert warehouse.path.read_bytes() == b"hello" * 1000


def test_several_processes_refresh_at_once(project, put, small, rows):
    for seed in range(6):
        put(small(seed=seed))
    with ExitStack() as stack:
        started = [stack.enter_context(forked(processes.refreshes, project)) for _ in range(3)]
        ingested = [said.recv() for _, said in started]
    assert [process.exitcode for process, _ in started] == [0, 0, 0]
    assert sorted(ingested) == [0, 0, 6]
    assert rows("select count(*), count(distinct run_id) from measurements") == [(6, 6)]


@pytest.mark.parametrize("before", ["empty", "filled"])
def test_kill_9_during_a_refresh_leaves_a_good_warehouse(project, put, small, rows, before):
    """Each time as it was before: one that was killed leaves the next nothing to mend."""
    if before == "filled":
        put(small(seed=100))
        refresh(project)
    for seed in range(5):
        put(small(seed=seed))
    for moment in ("reading", "inserted", "derived"):
        with forked(processes.refreshes_until, project, moment) as (process, said):
            assert said.recv() == "now"
            process.kill()
        assert process.exitcode == -signal.SIGKILL
        if before == "filled":
            assert rows("select count(*) from runs") == [(1,)], moment
    told = Told()
    report = refresh(project, told)
    assert (report.ingested, report.rejected, told.lines) == (5, [], [])
    assert not list(project.warehouse.parent.glob("*broken*"))
    assert rows("select count(distinct run_id) from workload_speeds") == [(1,)]
    assert rows("select count(*) from measurements") == [(6 if before == "filled" else 5,)]


@pytest.mark.parametrize("way", full_disk.ways())
def test_a_full_disk_is_said_and_leaves_the_warehouse_as_it_was(tmp_path, way):
    result = full_disk.on_full_disk(
        tmp_path / "disk",
        way,
        """
        from bench_pipeline.errors import WarehouseError
        from bench_pipeline.warehouse.store import Warehouse
        warehouse = Warehouse(folder / "measurements.duckdb")
        with warehouse.write() as connection:
            connection.execute("create table t as select 1 as x")
        fill_disk()
        said = None
        try:
            with warehouse.write() as connection:
                connection.execute("insert into t select (random() * 1e9)::int from range(4000000)")
        except WarehouseError as error:
            said = [error.problem, error.mend]
        with warehouse.read() as connection:
            result = [said, connection.execute("select count(*) from t").fetchone()[0]]
        """,
        limit_bytes=2 * 2**20,
    )
    (problem, mend), rows = result
    assert problem.startswith("cannot be written")
    assert "free space" in mend
    assert rows == 1
