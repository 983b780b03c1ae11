"""What a group of models adds to the downloads: its run files, and its lines of each CSV.

Packed by gzip, of which a file may be several one after the other: a CSV of all rows is put
together of what was packed when each group was made. The pages of a group, its run files and its
lines follow from the same rows, so they are kept together.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from bench_pipeline.site.data.dictionary import TABLES
from bench_pipeline.site.data.run_files import content_of
from bench_pipeline.site.earlier import Earlier
from bench_pipeline.site.source import Row, published_path
from bench_pipeline.warehouse.export import csv_lines

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LEVEL = 1
"""Of gzip: 4 takes twice the time for a seventeenth of the bytes, 6 three times for a twelfth."""


@dataclass(frozen=True)
class Download:
    name: str
    """Path below `data/`."""
    size_bytes: int
    sha256: str

    @classmethod
    def of(cls, name: str, content: bytes) -> Download:
        return cls(name, len(content), sha256(content).hexdigest())


@dataclass(frozen=True)
class Lines:
    """Of a CSV, without its header."""

    rows: int
    packed: bytes


@dataclass(frozen=True)
class Part:
    models: tuple[str, ...]
    tables: Mapping[str, Lines]
    """By the name that a table is published under."""
    run_files: tuple[Download, ...]


def packed(content: bytes) -> bytes:
    """The same for the same content: neither a name nor a time is in it."""
    return gzip.compress(content, _LEVEL, mtime=0)


def _packed(file: Row, root: Path) -> bytes:
    return packed(content_of(file, root))


def part_of(
    connection: DuckDBPyConnection,
    models: Iterable[str],
    run_files: Iterable[Row],
    root: Path,
    earlier: Earlier,
) -> tuple[Part, dict[str, bytes]]:
    """Of these models, and the packed run files by their path below the site's root.

    `run_files`: their rows of that table; `root` of the project where they lie. SiteError where
    one is not the file that the warehouse was made from.
    """
    models = tuple(models)
    files, downloads = {}, []
    for file in run_files:
        name = f"runs/{published_path(file['path'])}"
        pack = partial(_packed, file, root)
        content = earlier.or_made(f"data/{name}", file["sha256"], pack)
        download = Download.of(name, content)
        files[f"data/{name}"] = content
        downloads.append(download)
    tables = {}
    for name, table in TABLES.items():
        rows, text = csv_lines(connection, table, models)
        tables[name] = Lines(rows, packed(text) if rows else b"")
    return Part(models, tables, tuple(downloads)), files
