"""Runs that other runs contradict: marked as long as both are there.

What a file says alone is judged when it is read (`plausibility`); this has to be looked at again
whenever any other came or went.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench_pipeline.warehouse.schema import touch

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SAID = "Not plausible beside other runs: "
_CHANGED = "run_id in (from changed_disputes)"


def mark_disputed(connection: DuckDBPyConnection) -> None:
    """Brings the flag `disputed` of figures, and what is said of their runs, up to date; runs of
    which it changed count as touched. Runs and declared rigs must be up to date."""
    connection.execute(
        f"create or replace temp table disputes as select run_id,"
        f" list('{_SAID}' || doubt || '.' order by doubt) as said from found_disputes group by all"
    )
    connection.execute(
        "create or replace temp table changed_disputes as select run_id from runs"
        " left join disputes using (run_id)"
        f" where list_filter(unknown, lambda line: starts_with(line, '{_SAID}'))"
        " <> coalesce(said, [])"
    )
    changed = [run_id for (run_id,) in connection.execute("from changed_disputes").fetchall()]
    if not changed:
        return
    touch(connection, changed)
    connection.execute(
        "update runs set unknown = list_filter(unknown,"
        f" lambda line: not starts_with(line, '{_SAID}')) || coalesce((select said from disputes d"
        f" where d.run_id = runs.run_id), []) where {_CHANGED}"
    )
    connection.execute(
        "update measurements set flags = list_filter(flags, lambda flag: flag <> 'disputed')"
        " || if(run_id in (select run_id from disputes), ['disputed'], [])"
        f" where status = 'ok' and {_CHANGED}"
    )
