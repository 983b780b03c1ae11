"""Tables as files to download: the same rows in the same order, byte for byte.

CSV and Parquet hold the same values. Only CSV alters some on the way, reversibly: what a
spreadsheet would take for a formula (`as_cell`). A DuckDB file looks into the Parquet files.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bench_pipeline.errors import WarehouseError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""How a text begins that a spreadsheet computes instead of showing, or one that `as_cell` would
make indistinguishable from it."""

_DUCKDB_FILE = "storage_version 'v1.0.0', block_size 16384"
"""The oldest format that DuckDB still writes, in its smallest blocks: any newer version reads
it, and it has no random identifier in its header."""


@dataclass(frozen=True)
class Column:
    """As DuckDB describes it."""

    name: str
    type: str


def columns_of(connection: DuckDBPyConnection, table: str) -> list[Column]:
    """In their order; a table without rows has them too."""
    described = connection.execute(f'describe "{table}"').fetchall()
    return [Column(name, kind) for name, kind, *_ in described]


def csv_header(connection: DuckDBPyConnection, table: str) -> bytes:
    """The line with which a table's CSV begins."""
    return f"{','.join(column.name for column in columns_of(connection, table))}\n".encode()


def csv_lines(
    connection: DuckDBPyConnection, table: str, models: Collection[str] | None = None
) -> tuple[int, bytes]:
    """Rows of a table as CSV (UTF-8, `\\n`, no header), sorted by all its columns; how many.

    Those of `models`, or all. A float has the fewest digits that give it back exactly, so a figure
    published as 143.0 reads 143.0; an unknown value is empty; a list is joined by `;`; a time is
    ISO 8601 in UTC; a text is as `as_cell` has it. WarehouseError on a full disk.
    """
    wanted = "true" if models is None else f"model in ({', '.join(map(_quoted, models))})"
    found = connection.execute(f'select 1 from "{table}" where {wanted} limit 1').fetchall()
    if not found:  # as of most tables: to write nothing takes longer than to look
        return 0, b""
    cells = ", ".join(f'{_cell(c)} as "{c.name}"' for c in columns_of(connection, table))
    with TemporaryDirectory() as folder, _in_place_of(Path(folder) / "lines.csv") as unfinished:
        connection.execute("set threads = 1")  # several write their rows as they come
        ((count,),) = connection.execute(
            f'copy (select {cells} from (select * from "{table}" where {wanted} order by all))'
            f" to {_quoted(str(unfinished))} (format csv, header false, nullstr '')"
        ).fetchall()
        return int(count), unfinished.read_bytes()


def _cell(column: Column) -> str:
    """The SQL of `as_cell`. DuckDB writes numbers as Python does."""
    name, text = f'"{column.name}"', f'"{column.name}"'
    if column.type.startswith("TIMESTAMP"):
        return _moment(name)
    if column.type.endswith("[]"):
        text = f"array_to_string({name}::varchar[], ';')"
    elif column.type != "VARCHAR":
        return name
    # quotes would tell an empty text from an unknown one
    return f"nullif(regexp_replace({text}, {_quoted(f'^({_FORMULA.pattern})')}, '''\\1'), '')"


def _moment(name: str) -> str:
    digits = f"strftime({name}, '%Y-%m-%dT%H:%M:%S')"
    parts = f"case when microsecond({name}) % 1000000 = 0 then '' else strftime({name}, '.%f') end"
    return f"{digits} || {parts} || 'Z'"


def export_parquet(
    connection: DuckDBPyConnection,
    table: str,
    path: Path,
    groups: Sequence[Collection[str]] | None = None,
) -> None:
    """Writes a table as Parquet (zstd), sorted by all its columns. WarehouseError on a full disk.

    `groups` of models, which are then all that the table has: the rows of each stand together, in
    that order. On one thread, as several write row groups as they come.
    """
    rows = f'select * from "{table}" order by all'
    if groups is not None:
        places = [(model, place) for place, group in enumerate(groups) for model in group]
        connection.execute("create or replace temp table group_places (model text, place integer)")
        if places:
            values = ", ".join(f"({_quoted(model)}, {place})" for model, place in places)
            connection.execute(f"insert into group_places values {values}")
        rows = (
            "select * exclude (place) from"
            f' (select place, of.* from "{table}" of join group_places using (model) order by all)'
        )
    connection.execute("set threads = 1")
    connection.execute("set enable_progress_bar = false")  # on a slow machine it writes to stdout
    with _in_place_of(path) as unfinished:
        connection.sql(rows).write_parquet(str(unfinished), compression="zstd")


def export_duckdb(
    parquet_files: Mapping[str, Path], meanings: Mapping[str, Mapping[str, str]], path: Path
) -> None:
    """Writes a DuckDB file with a view of each Parquet file, by the table's name.

    The Parquet files must lie in the folder of `path`, and are looked for in the one where DuckDB
    is asked. `meanings`: of each column of each table, kept as the column's comment.
    WarehouseError on a full disk. The same columns and meanings give the same bytes.
    """
    import duckdb

    with _in_place_of(path) as unfinished, duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(f"set file_search_path = {_quoted(str(path.parent))}")
        connection.execute(f"attach {_quoted(str(unfinished))} as made ({_DUCKDB_FILE})")
        connection.execute("begin")  # else each of some hundred comments waits for the disk
        for table, file in parquet_files.items():
            connection.execute(
                f'create view made."{table}" as from read_parquet({_quoted(file.name)})'
            )
            comments = (
                f'comment on column made."{table}"."{column}" is {_quoted(meaning)};'
                for column, meaning in meanings[table].items()
            )
            connection.execute("".join(comments))
        connection.execute("commit")
        connection.execute("detach made")


def as_cell(value: Any) -> str:
    """A value as CSV holds it.

    A text that a spreadsheet would compute (it begins with `=`, `+`, `-`, `@`, tab or carriage
    return) gets an apostrophe before it; one that begins with apostrophes and then so, one more.
    To have the text back, take one apostrophe from each cell that begins so. Numbers are not
    touched: -0.5 computes to itself.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    text = ";".join(str(part) for part in value) if isinstance(value, list) else str(value)
    return f"'{text}" if _FORMULA.match(text) else text


def _quoted(text: str) -> str:
    """As an SQL literal: neither `attach` nor `comment` takes parameters."""
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def _in_place_of(path: Path) -> Iterator[Path]:
    """Where DuckDB may write; takes `path`'s place once all is written."""
    import duckdb

    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        yield unfinished
        unfinished.replace(path)
    except duckdb.IOException as error:
        raise WarehouseError(
            f"cannot be written: {str(error).splitlines()[0]}",
            mend="free space on that disk or correct its permissions, then run it again",
            where=path,
        ) from None
    finally:
        unfinished.unlink(missing_ok=True)
