"""Every file below `data/` that is for download, with its size and hash."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench_pipeline.paths import Project
from bench_pipeline.site.data.citation import citation_cff, edition, licence_text
from bench_pipeline.site.data.dictionary import ROWS, TABLES, meaning
from bench_pipeline.site.data.parts import Download, Part, packed
from bench_pipeline.site.kept import Kept
from bench_pipeline.site.keys import key_of
from bench_pipeline.site.source import Tables
from bench_pipeline.warehouse.export import (
    as_cell,
    columns_of,
    csv_header,
    export_duckdb,
    export_parquet,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DATABASE = "bench.duckdb"
SUMS = "SHA256SUMS"
SCHEMA = "run.schema.json"
BY_HAND = "method.md"
"""The computation of a page's figures from one run file, step by step: docs/method.md."""

OTHERS = {
    DATABASE: "All tables for DuckDB, with what each column means as its comment; it looks into "
    "the Parquet files, which must lie in the folder where it is opened",
    "columns.csv": "The data dictionary: every column of every table with type, unit and meaning",
    SCHEMA: "JSON Schema of a run file",
    BY_HAND: "From a run file to the page: every step, with code that needs nothing of ours",
    "LICENSE.txt": "What may be done with the data, and what is not ours to give",
    "CITATION.cff": "How to cite the data, for reference managers",
}
"""What else there is beside the tables and the run files."""


@dataclass(frozen=True)
class DescribedColumn:
    name: str
    type: str
    """DuckDB's name of it."""
    unit: str
    meaning: str


@dataclass(frozen=True)
class PublishedTable:
    name: str
    one_row: str
    """What a row stands for."""
    rows: int
    columns: tuple[DescribedColumn, ...]
    files: tuple[Download, ...]
    """CSV and Parquet."""


@dataclass(frozen=True)
class Downloads:
    tables: tuple[PublishedTable, ...]
    others: tuple[Download, ...]
    """Those of `OTHERS` that there are, in that order."""
    run_files: tuple[Download, ...]
    sums: Download
    """Hashes of all the others, as `sha256sum` writes and checks them."""

    @property
    def files(self) -> tuple[Download, ...]:
        """All but the run files."""
        made = [file for table in self.tables for file in table.files]
        return (*made, *self.others, self.sums)


def write_parquet(
    connection: DuckDBPyConnection, groups: Sequence[Sequence[str]], folder: Path
) -> None:
    """The Parquet file of each table into `folder`. `groups` of models: as those of `parts`."""
    for name, table in TABLES.items():
        export_parquet(connection, table, folder / f"{name}.parquet", groups)


def write_downloads(
    connection: DuckDBPyConnection,
    tables: Tables,
    parts: Sequence[Part],
    root: Path,
    site: Path,
    kept: Kept,
) -> Downloads:
    """Fills the folder `data` of `site`, but for the run files, which come with their `parts`, and
    the Parquet files, which `write_parquet` has written there.

    `root` is the project that the warehouse was made from. What follows from this code alone comes
    from `kept`: to make it takes longer than the pages of some runs.
    """
    folder = site / "data"
    published = tuple(
        _write_table(connection, name, table, parts, folder) for name, table in TABLES.items()
    )
    columns = {table.name: table.columns for table in published}
    for key in (
        kept.keep(key_of(DATABASE, columns), partial(_database, published, folder)),
        kept.keep(key_of(SCHEMA), lambda: {f"data/{SCHEMA}": run_schema().encode()}),
    ):
        kept.publish(key, site)
    texts = {
        "columns.csv": _dictionary_csv(published),
        "LICENSE.txt": licence_text(tables),
        "CITATION.cff": citation_cff(edition(tables)),
    }
    by_hand = Project(root).method_by_hand
    if by_hand.is_file():
        texts[BY_HAND] = by_hand.read_text()
    for name, text in texts.items():
        (folder / name).write_text(text)
    run_files = sorted((file for part in parts for file in part.run_files), key=lambda f: f.name)
    others = tuple(_download(folder, name) for name in OTHERS if (folder / name).is_file())
    made = (*(file for table in published for file in table.files), *others)
    sums = "".join(f"{file.sha256}  {file.name}\n" for file in (*made, *run_files))
    (folder / SUMS).write_text(sums)
    return Downloads(published, others, tuple(run_files), _download(folder, SUMS))


def _database(tables: Sequence[PublishedTable], folder: Path) -> dict[str, bytes]:
    """`folder` has their Parquet files, of which it says nothing but the columns."""
    made = folder / DATABASE
    export_duckdb(
        {table.name: folder / f"{table.name}.parquet" for table in tables},
        {table.name: {c.name: _comment(c) for c in table.columns} for table in tables},
        made,
    )
    content = made.read_bytes()
    made.unlink()
    return {f"data/{DATABASE}": content}


@cache
def run_schema() -> str:
    """JSON Schema of a run file, as it is published."""
    from bench_pipeline.records.reference.json_schema import run_json_schema

    return f"{json.dumps(run_json_schema(), indent=2, sort_keys=True, ensure_ascii=False)}\n"


def _write_table(
    connection: DuckDBPyConnection, name: str, table: str, parts: Sequence[Part], folder: Path
) -> PublishedTable:
    lines = [part.tables[name] for part in parts]
    header = packed(csv_header(connection, table))
    (folder / f"{name}.csv.gz").write_bytes(b"".join((header, *(each.packed for each in lines))))
    columns = []
    for column in columns_of(connection, table):
        entry = meaning(column.name, table)
        columns.append(DescribedColumn(column.name, column.type, entry.unit, entry.meaning))
    return PublishedTable(
        name=name,
        one_row=ROWS[table],
        rows=sum(each.rows for each in lines),
        columns=tuple(columns),
        files=tuple(_download(folder, f"{name}.{kind}") for kind in ("csv.gz", "parquet")),
    )


def _comment(column: DescribedColumn) -> str:
    return f"{column.unit}: {column.meaning}" if column.unit else column.meaning


def _dictionary_csv(tables: tuple[PublishedTable, ...]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["table", "column", "type", "unit", "meaning"])
    for table in tables:
        for c in table.columns:
            line = (table.name, c.name, c.type, c.unit, c.meaning)
            writer.writerow([as_cell(value) for value in line])
    return text.getvalue()


def _download(folder: Path, name: str) -> Download:
    return Download.of(name, (folder / name).read_bytes())
