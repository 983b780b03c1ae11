"""Dagster's Postgres storage; in the process of a run it waits for a control plane that is away.

A benchmark of an hour is not to fail because its database could not be told of a step for the
minutes of a restart or of a cut network: what is told is told later. And who looks at a page after
a restart is not to be told of it: the webserver, which keeps its connections, asks first whether
one still is one.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from dagster._serdes import ConfigurableClassData
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.schedule_storage import PostgresScheduleStorage
from dagster_postgres.storage import DagsterPostgresStorage
from dagster_postgres.utils import DagsterPostgresException

PATIENCE_S = 3600.0
"""In the process of a run: after that it fails, as nobody has heard of it for so long."""
LOOK_S = 1.0

logger = logging.getLogger("bench_pipeline.farm")


class _Patience:
    """Everywhere else, who asks is told at once, and asks again himself."""

    s = 0.0


def be_patient() -> None:
    """In this process, from now on."""
    _Patience.s = PATIENCE_S


@contextmanager
def still_there(connect: Callable[[], AbstractContextManager[Any]]) -> Iterator[Any]:
    """A connection over which the database answers: a kept one, else a new one."""
    with ExitStack() as held:
        connection = held.enter_context(connect())
        try:
            connection.exec_driver_sql("select 1")
            connection.rollback()  # of what SQLAlchemy takes for begun
        except Exception:  # of SQLAlchemy's, which with that forgets all that it kept
            held.close()
            connection = held.enter_context(connect())
        yield connection


@contextmanager
def patiently(connect: Callable[[], AbstractContextManager[Any]]) -> Iterator[Any]:
    """A connection; DagsterPostgresException if there is none for as long as this process waits.
    Only reaching the database is tried again, never what is said to it."""
    deadline = time.monotonic() + _Patience.s
    with ExitStack() as held:
        while True:
            try:
                connection = held.enter_context(connect())
                break
            except DagsterPostgresException:
                if time.monotonic() >= deadline:
                    raise
                logger.warning("the control plane's database is away; waiting for it")
                time.sleep(LOOK_S)
        yield connection


class _OfPages:
    """A storage that knows whether it is the webserver's."""

    _keeps_connections = False

    def optimize_for_webserver(
        self, statement_timeout: int, pool_recycle: int, max_overflow: int
    ) -> None:
        super().optimize_for_webserver(  # type: ignore[misc]
            statement_timeout, pool_recycle, max_overflow
        )
        self._keeps_connections = True

    def _connection(
        self, connect: Callable[[], AbstractContextManager[Any]]
    ) -> AbstractContextManager[Any]:
        return still_there(connect) if self._keeps_connections else patiently(connect)


class FarmRuns(_OfPages, PostgresRunStorage):
    def connect(self) -> AbstractContextManager[Any]:
        return self._connection(super().connect)


class FarmEvents(_OfPages, PostgresEventLogStorage):
    def _connect(self) -> AbstractContextManager[Any]:
        return self._connection(super()._connect)


class FarmSchedules(_OfPages, PostgresScheduleStorage):
    def connect(self, run_id: str | None = None) -> AbstractContextManager[Any]:
        return self._connection(super().connect)


class FarmStorage(DagsterPostgresStorage):
    """`postgres_url`, `should_autocreate_tables`: as of Dagster's own."""

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        super().__init__(postgres_url, should_autocreate_tables, inst_data)
        self._run_storage = FarmRuns(postgres_url, should_autocreate_tables)
        self._event_log_storage = FarmEvents(postgres_url, should_autocreate_tables)
        self._schedule_storage = FarmSchedules(postgres_url, should_autocreate_tables)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "FarmStorage":
        return cls(inst_data=inst_data, **config_value)
