"""Content hashes of run files, without reading again what was not touched since.

A file is taken for unchanged by its stamp, as git does.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench_pipeline.errors import RecordError
from bench_pipeline.paths import Project
from bench_pipeline.records.yaml.finding import content_of
from bench_pipeline.warehouse.files import in_order, relative, sha256_of
from bench_pipeline.warehouse.frames import insert_rows
from bench_pipeline.warehouse.stamps import Stamp

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class HashedFile(NamedTuple):
    file: Path
    sha256: str
    """Empty for one that cannot be read: reading it as a run says why."""


def known_stamps(connection: DuckDBPyConnection) -> dict[str, tuple[Stamp, str]]:
    """Of files by their relative path, with the hash of what they held then."""
    columns = ", ".join(Stamp._fields)
    found = connection.execute(f"select path, sha256, {columns} from file_stamps").fetchall()
    return {path: (Stamp(*stamp), sha256) for path, sha256, *stamp in found}


def hash_run_files(connection: DuckDBPyConnection, project: Project) -> dict[str, HashedFile]:
    """Every run file by its relative path, in the order that decides between duplicates."""
    known = known_stamps(connection)
    found: dict[str, HashedFile] = {}
    fresh: dict[str, tuple[Stamp, str]] = {}
    for file in in_order(project):
        path, now_ns = relative(project, file), time.time_ns()
        try:
            stamp = Stamp.of(file.stat())
            before = known.get(path)
            if before and before[0] == stamp:
                found[path] = HashedFile(file, before[1])
                continue
            sha256 = sha256_of(content_of(file))
        except (OSError, RecordError):
            if not os.path.lexists(file):
                continue  # went away just now
            found[path] = HashedFile(file, "")
            continue
        found[path] = HashedFile(file, sha256)
        if stamp.settled(now_ns):
            fresh[path] = stamp, sha256
    _keep(connection, known.keys() - found.keys() | known.keys() & fresh.keys(), fresh)
    return found


def _keep(
    connection: DuckDBPyConnection, stale: set[str], fresh: dict[str, tuple[Stamp, str]]
) -> None:
    if stale:
        connection.execute(
            "delete from file_stamps where path in (select unnest(?::varchar[]))", [sorted(stale)]
        )
    rows = [
        {"path": path, "sha256": sha256, **stamp._asdict()}
        for path, (stamp, sha256) in fresh.items()
    ]
    insert_rows(connection, "file_stamps", rows)
