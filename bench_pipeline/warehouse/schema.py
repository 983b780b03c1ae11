"""Which SQL makes the warehouse, in which order, and when it has to be made anew."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PLACE = ("rig", "backend", "engine", "model", "mode", "power_cap_w")
"""Where a run was made: builds are set against each other, and cells chosen, within one."""

_HERE = Path(__file__).parent
SQL = _HERE / "sql"

SCHEMA = (
    *("schema", "schema_declared", "schema_curves", "schema_conversations"),
    "schema_builds",
)
"""The empty tables."""

VIEWS = ("run_systems", "sound_cells", "chosen_cells", "trend_cells")
"""What derived tables are made from; each may use those before it."""

DERIVED = {
    "rig_inventories": ("rig",),
    "speed_ranges": PLACE,
    "workload_speeds": PLACE,
}
"""Tables that are made by SQL alone, each by a view `found_<table>`, and the columns that say what
a row depends on: only rows of what was touched are made anew. `comparisons` and `build_trends` come
after."""

TABLES = (
    "rigs",
    "rig_inventories",
    "site",
    "workloads",
    "campaign_items",
    "waiting_campaigns",
    "run_files",
    "rejected_files",
    "runs",
    "requests",
    "waves",
    "wave_speeds",
    "telemetry",
    "servers",
    "measurements",
    "curve_points",
    "bare_tests",
    "conversations",
    "conversation_turns",
    "speed_ranges",
    "workload_speeds",
    "comparisons",
    "build_trends",
)
"""What a reader may use."""


_FEW = 30
"""Places, rigs or sessions that a condition still names one by one."""


def deciding_files() -> list[Path]:
    """All code that decides what stands in the warehouse."""
    package = _HERE.parent
    folders = ("records", "measures", "plausibility", "senders", "engines/dialects")
    modules = (
        "harness/planning/duration.py",
        "harness/planning/estimate.py",
        "harness/planning/ladder.py",
        "harness/planning/modes.py",
        "harness/planning/plan.py",
        "harness/planning/profiles.py",
        "harness/quiet.py",
        "engines/llama_cpp/command.py",
        "engines/llama_cpp/log_reading.py",
        "engines/secrets.py",
    )
    return sorted(
        [
            *_HERE.rglob("*.py"),
            *SQL.glob("*.sql"),
            *(file for folder in folders for file in (package / folder).rglob("*.py")),
            *(package / module for module in modules),
        ]
    )


@cache
def code_version() -> str:
    """A hash of all code that decides what stands in the warehouse, as it was when this process
    first asked: what it has loaded, it goes on with.

    A number to count up would be forgotten one day; rebuilding once too often costs seconds.
    """
    digest = hashlib.sha256()
    for file in deciding_files():
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def state(connection: DuckDBPyConnection, key: str) -> str | None:
    row = connection.execute("select value from warehouse_state where key = ?", [key]).fetchone()
    return row[0] if row else None


def set_state(connection: DuckDBPyConnection, key: str, value: str) -> None:
    connection.execute("delete from warehouse_state where key = ?", [key])
    connection.execute("insert into warehouse_state (key, value) values (?, ?)", [key, value])


def made_by_this_code(connection: DuckDBPyConnection) -> bool:
    existing = _existing(connection)
    lacking = {("table", name) for name in (*TABLES, "warehouse_state")} - set(existing)
    return not lacking and state(connection, "code_version") == code_version()


def _existing(connection: DuckDBPyConnection) -> list[tuple[str, str]]:
    return connection.execute(
        "select 'view', view_name from duckdb_views() where not internal"
        " union all select 'table', table_name from duckdb_tables() where not internal"
    ).fetchall()


def make_schema(connection: DuckDBPyConnection) -> None:
    """Makes the tables anew, empty."""
    for kind, name in _existing(connection):
        connection.execute(f'drop {kind} "{name}"')
    for name in (*SCHEMA, *VIEWS, *DERIVED):
        connection.execute((SQL / f"{name}.sql").read_text())
    for name in DERIVED:
        connection.execute(f"create table {name} as from found_{name} limit 0")
    set_state(connection, "code_version", code_version())


def forget_touched(connection: DuckDBPyConnection) -> None:
    """Begins `touched_runs` anew, empty."""
    connection.execute((SQL / "touched.sql").read_text())


def touch(connection: DuckDBPyConnection, run_ids: Sequence[str]) -> None:
    """Remembers runs as they stand in `runs` now: they came, or are about to go."""
    connection.execute(
        "insert into touched_runs by name select run_id, rig, backend, engine, model, mode,"
        " power_cap_w, build, model_sha256, session_id from runs"
        " where run_id in (select unnest(?::varchar[]))",
        [run_ids],
    )


def touched(connection: DuckDBPyConnection, name: str, columns: Sequence[str] = PLACE) -> str:
    """An SQL condition: whether a row of table or view `name` has what a touched run has.

    Few are written out: so DuckDB looks for them before it chooses or adds up anything, which
    it does not for what another table holds.
    """
    found = connection.execute(
        f"select distinct {', '.join(columns)} from touched_runs limit {_FEW + 1}"
    ).fetchall()
    if len(found) > _FEW:
        same = " and ".join(
            f"t.{column} is not distinct from {name}.{column}" for column in columns
        )
        return f"exists (select 1 from touched_runs t where {same})"
    each = (
        " and ".join(
            f"{name}.{column} is not distinct from {_literal(value)}"
            for column, value in zip(columns, row, strict=True)
        )
        for row in found
    )
    return f"({' or '.join(each) or 'false'})"


def _literal(value: str | float | None) -> str:
    if value is None:
        return "null"
    quoted = "'" + str(value).replace("'", "''") + "'"
    return quoted if isinstance(value, str) else f"{quoted}::double"


def derive(connection: DuckDBPyConnection) -> None:
    """Makes anew what depends on touched runs."""
    connection.execute((SQL / "undeclared_rigs.sql").read_text())
    for name, columns in DERIVED.items():
        gone = touched(connection, name, columns)
        connection.execute(f"delete from {name} where {gone}")
        found = touched(connection, f"found_{name}", columns)
        connection.execute(f"insert into {name} by name from found_{name} where {found}")


def row_counts(connection: DuckDBPyConnection) -> dict[str, int]:
    counts = " union all ".join(f"select '{name}', count(*) from {name}" for name in TABLES)
    found = dict(connection.execute(counts).fetchall())
    return {name: found[name] for name in TABLES}
