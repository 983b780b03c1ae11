"""Whether the tables are as the last refresh left them, or another hand has changed a figure.

No protection against whoever means to deceive and knows this code: the seal lies in the same file.
What is in it can always be made again from the run files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench_pipeline.warehouse.schema import TABLES, set_state, state

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SEAL = "seal"


def seal(connection: DuckDBPyConnection) -> None:
    set_state(connection, _SEAL, _digest(connection))


def broken_tables(connection: DuckDBPyConnection) -> list[str]:
    """Names of tables that are not as they were sealed; none where there is no seal, or where
    another version of DuckDB, which hashes otherwise, has set it."""
    before = (state(connection, _SEAL) or "").split("\n")
    now = _digest(connection).split("\n")
    if before[0] != now[0]:
        return []
    return [line.split()[0] for line in now if line not in before]


def _digest(connection: DuckDBPyConnection) -> str:
    """A line of each table: its name, the sum of its rows' hashes, their number."""
    import duckdb

    each = " union all ".join(
        f"select '{name}' as name, coalesce(sum(hash(t)::hugeint), 0), count(*) from {name} t"
        for name in TABLES
    )
    found = connection.execute(f"{each} order by name").fetchall()
    return "\n".join([duckdb.__version__, *(" ".join(map(str, line)) for line in found)])
