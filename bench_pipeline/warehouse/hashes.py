"""Content hashes of run files, without reading again what was not touched since.

A file is taken for unchanged by what the file system says of it, as git does: size, inode, and the
times of its last change, of which the second cannot be set by hand. What changed within moments of
being hashed may change once more with no other time, so that its hash is not relied upon.
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

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MOMENTS_NS = 3 * 10**9
"""No file system in use tells times apart worse than to two seconds."""


class _Stamp(NamedTuple):
    size_bytes: int
    inode: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> _Stamp:
        return cls(found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)

    def settled(self, now_ns: int) -> bool:
        return max(self.modified_ns, self.changed_ns) < now_ns - _MOMENTS_NS


class HashedFile(NamedTuple):
    file: Path
    sha256: str
    """Empty for one that cannot be read: reading it as a run says why."""


def hash_run_files(connection: DuckDBPyConnection, project: Project) -> dict[str, HashedFile]:
    """Every run file by its relative path, in the order that decides between duplicates."""
    columns = ", ".join(_Stamp._fields)
    known = {
        path: (_Stamp(*stamp), sha256)
        for path, sha256, *stamp in connection.execute(
            f"select path, sha256, {columns} from file_stamps"
        ).fetchall()
    }
    found: dict[str, HashedFile] = {}
    fresh: dict[str, tuple[_Stamp, str]] = {}
    for file in in_order(project):
        path, now_ns = relative(project, file), time.time_ns()
        try:
            stamp = _Stamp.of(file.stat())
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
    connection: DuckDBPyConnection, stale: set[str], fresh: dict[str, tuple[_Stamp, str]]
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
