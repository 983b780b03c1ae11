"""Run files as the warehouse knows them: what is published must be the very ones."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from bench_pipeline.errors import SiteError
from bench_pipeline.site.source import Row
from bench_pipeline.warehouse.hashes import known_stamps
from bench_pipeline.warehouse.stamps import Stamp

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def check_run_files(connection: DuckDBPyConnection, run_files: Iterable[Row], root: Path) -> None:
    """SiteError where one is no longer the file that the warehouse was made from."""
    known = known_stamps(connection)
    for file in run_files:
        try:
            now = Stamp.of((root / file["path"]).stat())
        except OSError:
            now = None
        if now is None or known.get(file["path"]) != (now, file["sha256"]):
            content_of(file, root)


def content_of(file: Row, root: Path) -> bytes:
    """Of a run file, which must be the very one that the warehouse was made from: a page must not
    link to another. SiteError where it is not."""
    source = root / file["path"]
    content = source.read_bytes() if source.is_file() else b""
    if sha256(content).hexdigest() != file["sha256"]:
        raise SiteError(
            "is not the run file that the warehouse was made from",
            mend="refresh the warehouse, then build the site again",
            where=source,
        )
    return content
