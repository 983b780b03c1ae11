"""What a site offers for download, read as a visitor's script would."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import TYPE_CHECKING

from bench_pipeline.warehouse.export import csv_header, csv_lines

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def unpacked(path: Path) -> str:
    """The text in a file packed by gzip, its line ends as they are."""
    return gzip.decompress(path.read_bytes()).decode()


def published_rows(site: Path, name: str) -> list[dict[str, str]]:
    """A table's lines by column, from its CSV."""
    return list(csv.DictReader(io.StringIO(unpacked(site / "data" / f"{name}.csv.gz"))))


def whole_csv(connection: DuckDBPyConnection, table: str) -> str:
    """A table's CSV, its line of names included."""
    return (csv_header(connection, table) + csv_lines(connection, table)[1]).decode()
