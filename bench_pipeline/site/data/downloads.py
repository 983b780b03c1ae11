"""Every file below `data/` that is made or copied for download, with its size and hash."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bench_pipeline.errors import SiteError
from bench_pipeline.paths import Project
from bench_pipeline.records.json_schema import run_json_schema
from bench_pipeline.site.data.citation import citation_cff, edition, licence_text
from bench_pipeline.site.data.dictionary import ROWS, TABLES, meaning
from bench_pipeline.site.source import Tables, published_path
from bench_pipeline.warehouse.export import (
    as_cell,
    columns_of,
    export_csv,
    export_duckdb,
    export_json,
    export_parquet,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DATABASE = "bench.duckdb"
SUMS = "SHA256SUMS"
BY_HAND = "method.md"
"""The computation of a page's figures from one run file, step by step: docs/method.md."""

OTHERS = {
    DATABASE: "All tables in one DuckDB file, with what each column means as its comment",
    "columns.csv": "The data dictionary: every column of every table with type, unit and meaning",
    "run.schema.json": "JSON Schema of a run file",
    BY_HAND: "From a run file to the page: every step, with code that needs nothing of ours",
    "LICENSE.txt": "What may be done with the data, and what is not ours to give",
    "CITATION.cff": "How to cite the data, for reference managers",
}
"""What else there is beside the tables and the run files."""


@dataclass(frozen=True)
class Download:
    name: str
    """Path below `data/`."""
    size_bytes: int
    sha256: str


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
    """CSV, JSON, Parquet."""


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


def write_downloads(
    connection: DuckDBPyConnection, tables: Tables, root: Path, folder: Path
) -> Downloads:
    """Fills `folder`. `root` is the project that the warehouse was made from.

    SiteError where a run file is not the one that the warehouse was made from.
    """
    published = tuple(
        _write_table(connection, PurePosixPath(file).stem, table, folder)
        for file, table in TABLES.items()
    )
    export_duckdb(
        {table.name: folder / f"{table.name}.parquet" for table in published},
        {table.name: {c.name: _comment(c) for c in table.columns} for table in published},
        folder / DATABASE,
    )
    schema = json.dumps(run_json_schema(), indent=2, sort_keys=True, ensure_ascii=False)
    texts = {
        "columns.csv": _dictionary_csv(published),
        "run.schema.json": f"{schema}\n",
        "LICENSE.txt": licence_text(tables),
        "CITATION.cff": citation_cff(edition(tables)),
    }
    by_hand = Project(root).method_by_hand
    if by_hand.is_file():
        texts[BY_HAND] = by_hand.read_text()
    for name, text in texts.items():
        (folder / name).write_text(text)
    run_files = _copy_run_files(tables, root, folder)
    others = tuple(_download(folder, name) for name in OTHERS if (folder / name).is_file())
    made = (*(file for table in published for file in table.files), *others)
    sums = "".join(f"{file.sha256}  {file.name}\n" for file in (*made, *run_files))
    (folder / SUMS).write_text(sums)
    return Downloads(published, others, run_files, _download(folder, SUMS))


def _write_table(
    connection: DuckDBPyConnection, name: str, table: str, folder: Path
) -> PublishedTable:
    rows = export_csv(connection, table, folder / f"{name}.csv")
    export_json(connection, table, folder / f"{name}.json")
    export_parquet(connection, table, folder / f"{name}.parquet")
    columns = []
    for column in columns_of(connection, table):
        entry = meaning(column.name, table)
        columns.append(DescribedColumn(column.name, column.type, entry.unit, entry.meaning))
    return PublishedTable(
        name=name,
        one_row=ROWS[table],
        rows=rows,
        columns=tuple(columns),
        files=tuple(_download(folder, f"{name}.{kind}") for kind in ("csv", "json", "parquet")),
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


def _copy_run_files(tables: Tables, root: Path, folder: Path) -> tuple[Download, ...]:
    """The very files that the warehouse was made from: a page must not link to another one."""
    copied = []
    for file in tables.run_files:
        source = root / file["path"]
        content = source.read_bytes() if source.is_file() else b""
        if sha256(content).hexdigest() != file["sha256"]:
            raise SiteError(
                "is not the run file that the warehouse was made from",
                mend="refresh the warehouse, then build the site again",
                where=source,
            )
        name = f"runs/{published_path(file['path'])}"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        copied.append(Download(name, len(content), file["sha256"]))
    return tuple(copied)


def _download(folder: Path, name: str) -> Download:
    content = (folder / name).read_bytes()
    return Download(name, len(content), sha256(content).hexdigest())
