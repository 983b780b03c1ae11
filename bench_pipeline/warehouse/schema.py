"""Which SQL makes the warehouse, in which order, and when it has to be made anew."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_HERE = Path(__file__).parent
SQL = _HERE / "sql"

SCHEMA = ("schema", "schema_builds")
"""The empty tables."""

DERIVED = (
    "wave_speeds",
    "undeclared_rigs",
    "rig_inventories",
    "sound_cells",
    "chosen_cells",
    "trend_cells",
    "speed_ranges",
    "workload_speeds",
)
"""Run in this order after every change: each is made wholly from what stands before it. What SQL
alone cannot make of them, `comparisons` and `build_trends`, comes after."""

TABLES = (
    "rigs",
    "rig_inventories",
    "workloads",
    "campaign_items",
    "run_files",
    "rejected_files",
    "runs",
    "requests",
    "waves",
    "telemetry",
    "wave_speeds",
    "servers",
    "measurements",
    "curve_points",
    "bare_tests",
    "speed_ranges",
    "workload_speeds",
    "comparisons",
    "build_trends",
)
"""What a reader may use."""


def code_version() -> str:
    """A hash of all code that decides what stands in the warehouse.

    A number to count up would be forgotten one day; rebuilding once too often costs seconds.
    """
    package = _HERE.parent
    files = [
        *_HERE.rglob("*.py"),
        *SQL.glob("*.sql"),
        *(package / "records").rglob("*.py"),
        *(package / "measures").rglob("*.py"),
        package / "harness" / "planning" / "plan.py",
        package / "harness" / "planning" / "profiles.py",
        package / "harness" / "quiet.py",
    ]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def state(connection: DuckDBPyConnection, key: str) -> str | None:
    row = connection.execute("select value from warehouse_state where key = ?", [key]).fetchone()
    return row[0] if row else None


def set_state(connection: DuckDBPyConnection, key: str, value: str) -> None:
    connection.execute("delete from warehouse_state where key = ?", [key])
    connection.execute("insert into warehouse_state (key, value) values (?, ?)", [key, value])


def ensure_schema(connection: DuckDBPyConnection) -> bool:
    """Makes the tables, empty, unless this very code made them before. True if it did."""
    version = code_version()
    existing = connection.execute(
        "select 'view', view_name from duckdb_views() where not internal"
        " union all select 'table', table_name from duckdb_tables() where not internal"
    ).fetchall()
    if ("table", "warehouse_state") in existing and state(connection, "code_version") == version:
        return False
    for kind, name in existing:
        connection.execute(f'drop {kind} "{name}"')
    for name in SCHEMA:
        connection.execute((SQL / f"{name}.sql").read_text())
    set_state(connection, "code_version", version)
    return True


def derive(connection: DuckDBPyConnection) -> None:
    for name in DERIVED:
        connection.execute((SQL / f"{name}.sql").read_text())


def row_counts(connection: DuckDBPyConnection) -> dict[str, int]:
    counts = " union all ".join(f"select '{name}', count(*) from {name}" for name in TABLES)
    found = dict(connection.execute(counts).fetchall())
    return {name: found[name] for name in TABLES}
