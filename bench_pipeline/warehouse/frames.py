"""Rows into a table and out of it: by name, and with the table's own types."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from duckdb import DuckDBPyConnection

Row = Mapping[str, Any]

Values = Mapping[str, list[Any]]
"""Rows as columns, by name."""

Types = Mapping[str, str]
"""Of a table's columns, by name, as DuckDB calls them."""

_WITH_A_VALUE_FOR_NONE = {"DOUBLE": "float64", "TIMESTAMP": "datetime64[us]"}
"""NaN and NaT: DuckDB takes both for NULL, and no record holds a NaN."""
_WITHOUT = {"INTEGER": "int32", "BIGINT": "int64", "UBIGINT": "uint64", "BOOLEAN": "bool"}
"""Exact up to their last digit, so that NULL has to be said beside them."""


class Column(NamedTuple):
    """Values of a table's column; text and lists, and only they, as Python objects."""

    values: np.ndarray
    missing: np.ndarray | None = None
    """True where there is none, if `values` cannot say so."""


Columns = dict[str, Column]
"""By name, all of one length: exactly a table's columns."""


def types_of(connection: DuckDBPyConnection, table: str) -> Types:
    # Not of duckdb_columns(), which looks into every view for the columns of one table.
    relation = connection.table(table)
    return dict(zip(relation.columns, map(str, relation.types), strict=True))


def columns_of(rows: Sequence[Row], types: Types) -> Columns:
    """Rows of one table, one or more, all with the same keys: exactly the table's columns.

    Typed by the table, as no guess is exact: whole numbers with a gap would become floats.
    OverflowError names a column whose whole numbers do not fit it.
    """
    return typed(turned(rows), types)


def turned(rows: Sequence[Row]) -> Values:
    """Each column's values; one row or more, all with the keys of the first."""
    return {name: list(map(itemgetter(name), rows)) for name in rows[0]}


def stacked(parts: Sequence[Mapping[str, Values]]) -> dict[str, Values]:
    """Columns by table of several parts one below the other; a part may lack a table."""
    found: dict[str, dict[str, list[Any]]] = {}
    for part in parts:
        for table, columns in part.items():
            if table not in found:
                found[table] = {name: [] for name in columns}
            if found[table].keys() != columns.keys():
                raise ValueError(f"parts of {table} differ in their columns")
            for name, values in columns.items():
                found[table][name] += values
    return {**found}


def typed(values: Values, types: Types) -> Columns:
    """As `columns_of`, of rows that are `turned` already."""
    if set(types) != set(values):
        raise ValueError(f"rows differ from their table in {set(types) ^ set(values)}")
    return {name: _column(name, values[name], kind) for name, kind in types.items()}


def _column(name: str, values: list[Any], kind: str) -> Column:
    import numpy as np

    if kind in _WITH_A_VALUE_FOR_NONE:
        return Column(np.array(values, dtype=_WITH_A_VALUE_FOR_NONE[kind]))
    if kind not in _WITHOUT:
        return Column(np.fromiter(values, dtype=object, count=len(values)))
    missing = None
    if None in values:
        missing = np.array([value is None for value in values])
        values = [0 if value is None else value for value in values]
    if not {int, bool}.issuperset(map(type, values)):
        raise TypeError(f"{name} holds what is no {kind}")
    try:
        return Column(np.array(values, dtype=_WITHOUT[kind]), missing)
    except OverflowError:
        largest = max(values, key=abs)
        raise OverflowError(f"{name}: {largest} is beyond what an {kind} holds") from None


def joined(parts: Sequence[Columns]) -> Columns:
    """Columns of one table one below the other; one part or more."""
    return {name: _joined([part[name] for part in parts]) for name in parts[0]}


def _joined(parts: Sequence[Column]) -> Column:
    import numpy as np

    values = np.concatenate([part.values for part in parts])
    if all(part.missing is None for part in parts):
        return Column(values)
    return Column(
        values,
        np.concatenate(
            [
                np.zeros(len(part.values), bool) if part.missing is None else part.missing
                for part in parts
            ]
        ),
    )


def without(columns: Columns, name: str, values: Collection[Any]) -> Columns:
    """Only the rows whose column `name` holds none of `values`."""
    import numpy as np

    keep = np.array([value not in values for value in columns[name].values], bool)
    return {
        name: Column(column.values[keep], None if column.missing is None else column.missing[keep])
        for name, column in columns.items()
    }


def insert_rows(connection: DuckDBPyConnection, table: str, rows: Sequence[Row]) -> None:
    """Appends `rows`, which all have the same keys: exactly the table's columns."""
    if rows:
        insert_columns(connection, table, columns_of(rows, types_of(connection, table)))


def insert_columns(connection: DuckDBPyConnection, table: str, columns: Columns) -> None:
    """One statement for all rows, hundreds of times faster than one for each.

    Columns are matched by name: a positional insert once swapped two silently.
    """
    import numpy as np

    incoming = {
        name: values if missing is None else np.ma.masked_array(values, missing)
        for name, (values, missing) in columns.items()
    }
    connection.register("incoming_rows", incoming)
    try:
        connection.execute(f"insert into {table} by name select * from incoming_rows")
    finally:
        connection.unregister("incoming_rows")


def read_rows(connection: DuckDBPyConnection, query: str) -> list[Row]:
    """What a query finds, by column name."""
    cursor = connection.execute(query)
    columns = [column[0] for column in cursor.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
