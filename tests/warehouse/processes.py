"""What other processes do to a warehouse, by `tests.forking`."""

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench_pipeline.paths import Project
from bench_pipeline.warehouse import ingest, refresh
from bench_pipeline.warehouse.store import Warehouse


def reads(connection: Connection, path: Path) -> None:
    """Until it is killed."""
    with Warehouse(path).read():
        connection.send("open")
        connection.recv()


def opens(connection: Connection, path: Path) -> None:
    import duckdb

    duckdb.connect(path).close()
    connection.send("closed")


def refreshes(connection: Connection, project: Project) -> None:
    connection.send(refresh.refresh(project).ingested)


def refreshes_until(connection: Connection, project: Project, moment: str) -> None:
    """Then says "now" and waits to be killed. `moment`: `reading`, `inserted` or `derived`."""

    def wait_for_the_end() -> None:
        connection.send("now")
        connection.recv()

    class Slow:
        seen = 0

        @contextmanager
        def step(self, what: str, total: int | None = None, unit: str = "") -> Iterator[Any]:
            yield self
            if moment == "inserted":
                wait_for_the_end()

        def advance(self, amount: int) -> None:
            self.seen += 1
            if moment == "reading" and self.seen == 4:
                wait_for_the_end()

        def say(self, line: str) -> None:
            pass

    if moment == "derived":
        refresh.schema.row_counts = lambda connection: wait_for_the_end()
    ingest._BATCH_RUNS = 2
    ingest._TASK_BYTES = 1
    refresh.refresh(project, Slow())
