"""What Dagster's SQLite storage makes anew at nearly each statement, made once for a process."""

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

from dagster._core.storage import sql
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage


@cache
def make_once() -> None:
    """From now on, an engine per database and one reading of alembic's revisions: else
    each statement is compiled again, which is over a third of what a command spends in Dagster.

    No connection is held: each statement still opens the file and closes it, so other processes,
    a fork and a folder that is removed meanwhile find all as ever.
    """
    for module in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
        _keep_engines(module)
    sql.ScriptDirectory.from_config = _by_place(  # type: ignore[method-assign]
        sql.ScriptDirectory.from_config
    )


def _keep_engines(module: ModuleType) -> None:
    ordinary, kept = module.create_engine, {}

    def engine(url: str, **options: Any) -> Any:
        if options.get("poolclass") is not module.NullPool:
            return ordinary(url, **options)  # it would hold connections
        key = (url, repr(options))
        if key not in kept:
            kept[key] = ordinary(url, **options)
        return kept[key]

    module.create_engine = engine  # type: ignore[attr-defined]


def _by_place(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    kept: dict[str | None, Any] = {}

    def directory(config: Any) -> Any:
        place = config.get_main_option("script_location")
        if place not in kept:
            kept[place] = read(config)
        return kept[place]

    return directory
