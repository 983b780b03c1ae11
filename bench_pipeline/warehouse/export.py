"""Tables as files to download: the same rows in the same order, byte for byte."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_pipeline.errors import WarehouseError
from bench_pipeline.records.yaml_files import write_atomically

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def export_csv(connection: DuckDBPyConnection, table: str, path: Path) -> int:
    """Writes a table as CSV (UTF-8, header, `\\n`), sorted by all its columns. Number of rows.

    A float has the fewest digits that give it back exactly, so a figure published as 143.0
    reads 143.0; an unknown value is empty; a list is joined by `;`; a time is ISO 8601 in UTC.
    """
    result = connection.execute(f'select * from "{table}" order by all')
    columns = [column[0] for column in result.description or []]
    rows = result.fetchall()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_as_text(value) for value in row] for row in rows)
    write_atomically(path, text.getvalue())
    return len(rows)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    if isinstance(value, list):
        return ";".join(_as_text(part) for part in value)
    return str(value)


def export_parquet(connection: DuckDBPyConnection, table: str, path: Path) -> None:
    """Writes a table as Parquet (zstd), sorted like the CSV. WarehouseError on a full disk."""
    import duckdb

    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        rows = connection.sql(f'select * from "{table}" order by all')
        rows.write_parquet(str(unfinished), compression="zstd")
        unfinished.replace(path)
    except duckdb.IOException as error:
        raise WarehouseError(
            f"cannot be written: {str(error).splitlines()[0]}",
            mend="free space on that disk or correct its permissions, then run it again",
            where=path,
        ) from None
    finally:
        unfinished.unlink(missing_ok=True)
