"""Run files into tables: only what changed, by the hash of each file's content.

Which file holds a run is decided by the set of files alone, never by the order in which they
came: of two with the same run_id, the first by path. So ingesting what is new ends in the same
tables as ingesting everything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench_pipeline.errors import RecordError
from bench_pipeline.paths import Project
from bench_pipeline.progress import Reporter, Silent
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import read_run, run_files
from bench_pipeline.warehouse.files import Rejection, relative, sha256_of
from bench_pipeline.warehouse.frames import Row, insert_rows
from bench_pipeline.warehouse.rows.whole_run import rows_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

RUN_TABLES = (
    *("run_files", "runs", "servers", "requests", "waves", "telemetry"),
    *("measurements", "curve_points", "bare_tests"),
)
"""The tables whose rows come and go with a run."""

_BATCH_RUNS = 100
"""Inserted at once: some ten thousand requests, a few dozen MiB."""


@dataclass
class Ingest:
    """What one ingest did, in run files; `rejected` holds old rejections that still stand."""

    ingested: int = 0
    removed: int = 0
    unchanged: int = 0
    rejected: list[Rejection] = field(default_factory=list)


def ingest_runs(
    connection: DuckDBPyConnection,
    project: Project,
    rejected_before: dict[str, Rejection],
    reporter: Reporter,
) -> Ingest:
    """Brings RUN_TABLES up to date with `content/benchmarks/runs/`.

    `rejected_before`: rejections by path, from the last time; such a file is not read again.
    """
    ingested_before: dict[str, tuple[str, str]] = {
        path: (sha256, run_id)
        for path, sha256, run_id in connection.execute(
            "select path, sha256, run_id from run_files"
        ).fetchall()
    }
    files = _hashes(project)
    result = Ingest()
    holder: dict[str, str] = {}  # of each run_id, the path that holds it
    batch = _Batch(connection, {run_id for _, run_id in ingested_before.values()})
    batch.delete(
        [
            run_id
            for path, (sha256, run_id) in ingested_before.items()
            if path not in files or files[path][1] != sha256
        ]
    )
    known = {path: rejection.sha256 for path, rejection in rejected_before.items()}
    known |= {path: sha256 for path, (sha256, _) in ingested_before.items()}
    new = sum(known.get(path) != sha256 for path, (_, sha256) in files.items())
    quiet_if_none = reporter if new else Silent()
    with quiet_if_none.step(f"Reading {new} run files", total=len(files)) as step:
        for path, (file, sha256) in files.items():
            step.advance(1)
            if path in ingested_before and ingested_before[path][0] == sha256:
                run_id = ingested_before[path][1]
                if holder.setdefault(run_id, path) == path:
                    result.unchanged += 1
                else:
                    result.rejected.append(_duplicate(path, sha256, run_id, holder[run_id]))
                continue
            before = rejected_before.get(path)
            if before and before.sha256 == sha256:
                if before.run_id is None:
                    result.rejected.append(before)
                    continue
                if before.run_id in holder:
                    result.rejected.append(
                        _duplicate(path, sha256, before.run_id, holder[before.run_id])
                    )
                    continue
            content = b""
            try:
                content = file.read_bytes() if sha256 else b""
                run = read_run(file, content if sha256 else None)
            except RecordError as error:
                result.rejected.append(Rejection.of(error, project, file, content, "run"))
                continue
            except FileNotFoundError:
                continue  # went away since it was hashed
            if holder.setdefault(run.run_id, path) == path:
                batch.add(run, path, sha256_of(content))
                result.ingested += 1
            else:
                result.rejected.append(
                    _duplicate(path, sha256_of(content), run.run_id, holder[run.run_id])
                )
        batch.flush()
    result.removed = len(ingested_before.keys() - set(holder.values()))
    return result


def _hashes(project: Project) -> dict[str, tuple[Path, str]]:
    """File and content hash by relative path, in the order that decides between duplicates."""
    found = {}
    for file in run_files(project.runs):
        try:
            sha256 = sha256_of(file.read_bytes())
        except FileNotFoundError:
            continue  # went away just now
        except OSError:
            sha256 = ""  # reading it as a run says why
        found[relative(project, file)] = file, sha256
    return found


def _duplicate(path: str, sha256: str, run_id: str, holder: str) -> Rejection:
    return Rejection(
        path=path,
        sha256=sha256,
        problem=f"holds run {run_id}, which `{holder}` holds already",
        mend="remove one of the two files",
        place=path,
        kind="run",
        run_id=run_id,
    )


class _Batch:
    """Collects rows and inserts them by the hundred runs."""

    def __init__(self, connection: DuckDBPyConnection, present: set[str]) -> None:
        self._connection = connection
        self._present = present
        """The run_ids that have rows now."""
        self._now = datetime.now(UTC).replace(tzinfo=None)
        self._clear()

    def _clear(self) -> None:
        self._rows: dict[str, list[Row]] = defaultdict(list)
        self._run_ids: set[str] = set()

    def add(self, run: Run, path: str, sha256: str) -> None:
        for table, rows in rows_of(run, path).items():
            self._rows[table] += rows
        self._rows["run_files"].append(
            {"path": path, "sha256": sha256, "run_id": run.run_id, "ingested_at": self._now}
        )
        self._run_ids.add(run.run_id)
        if len(self._run_ids) >= _BATCH_RUNS:
            self.flush()

    def flush(self) -> None:
        self.delete(self._run_ids)  # another file may have held one of them until now
        for table in RUN_TABLES:
            insert_rows(self._connection, table, self._rows[table])
        self._clear()

    def delete(self, run_ids: Collection[str]) -> None:
        if present := self._present.intersection(run_ids):
            for table in RUN_TABLES:
                self._connection.execute(
                    f"delete from {table} where run_id in (select unnest(?::varchar[]))",
                    [sorted(present)],
                )
            self._present -= present
