"""The columns of a table for the UI: type, unit and meaning, and what each was made of."""

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    import duckdb

_MADE_OF = {
    "speed_ranges": {"decode_tok_s_min": "decode_tok_s", "decode_tok_s_max": "decode_tok_s"}
    | {"n_workloads": "workload", "run_ids": "run_id"},
    "workload_speeds": {},
}
"""Derived table of `measurements`: columns that have another name there. Those of one name are of
that one."""


def table_schema(connection: "duckdb.DuckDBPyConnection", table: str) -> dg.TableSchema:
    """As the data dictionary of the pages has it; a column that is not published has no text."""
    from bench_pipeline.site.data.dictionary import meaning

    columns = []
    for name, kind in _columns(connection, table).items():
        try:
            definition = meaning(name, table)
            unit = f"[{definition.unit}] " if definition.unit else ""
            text = f"{unit}{definition.meaning}"
        except KeyError:
            text = None
        columns.append(dg.TableColumn(name, kind, description=text))
    return dg.TableSchema(columns)


def column_lineage(
    connection: "duckdb.DuckDBPyConnection", table: str
) -> dg.TableColumnLineage | None:
    """None: it is not made of rows of `measurements`."""
    if table not in _MADE_OF:
        return None
    there = _columns(connection, "measurements")
    named = {name: _MADE_OF[table].get(name, name) for name in _columns(connection, table)}
    return dg.TableColumnLineage(
        {
            name: [dg.TableColumnDep(dg.AssetKey("measurements"), source)]
            for name, source in named.items()
            if source in there
        }
    )


def _columns(connection: "duckdb.DuckDBPyConnection", table: str) -> dict[str, str]:
    """Names and types, in the table's order; of a name of ours, never of a visitor's."""
    found = connection.execute(f"describe {table}").fetchall()
    return {row[0]: str(row[1]).lower() for row in found}
