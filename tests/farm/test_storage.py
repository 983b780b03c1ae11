"""How long who speaks with the farm's database waits for it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from dagster_postgres.utils import DagsterPostgresException

from bench_pipeline.farm import storage


class Away:
    """A database that cannot be reached the first `times`."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.asked, self.closed = 0, 0

    @contextmanager
    def connect(self) -> Iterator[str]:
        self.asked += 1
        if self.asked <= self.times:
            raise DagsterPostgresException("too many retries")
        yield "a connection"
        self.closed += 1


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "LOOK_S", 0)
    monkeypatch.setattr(storage._Patience, "s", 0.0)


def test_the_process_of_a_run_waits_for_a_control_plane_that_restarts() -> None:
    storage.be_patient()
    database = Away(times=50)
    with storage.patiently(database.connect) as connection:
        assert connection == "a connection"
    assert (database.asked, database.closed) == (51, 1)


def test_anybody_else_is_told_at_once() -> None:
    with pytest.raises(DagsterPostgresException), storage.patiently(Away(times=1).connect):
        raise AssertionError("there is none")


def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "PATIENCE_S", 0.01)
    storage.be_patient()
    with pytest.raises(DagsterPostgresException), storage.patiently(Away(times=10**9).connect):
        raise AssertionError("there is none")


def test_what_is_said_over_a_connection_is_not_said_twice() -> None:
    storage.be_patient()
    database, said = Away(times=0), 0
    with pytest.raises(DagsterPostgresException), storage.patiently(database.connect):
        said += 1
        raise DagsterPostgresException("gone while it was said")
    assert (said, database.asked) == (1, 1)
