"""Run files into tables: only what changed, by the hash of each file's content.

Which file holds a run is decided by the set of files alone, never by the order in which they
came: of two with the same run_id, the first by path. So ingesting what is new ends in the same
tables as ingesting everything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench_pipeline.errors import WarehouseError
from bench_pipeline.paths import Project
from bench_pipeline.processes import ProcessLost, in_processes, usable_cores
from bench_pipeline.progress import Reporter, Silent
from bench_pipeline.records.model import ModelFile
from bench_pipeline.warehouse.content import Catalogue
from bench_pipeline.warehouse.files import Rejection
from bench_pipeline.warehouse.frames import (
    Columns,
    Row,
    Types,
    insert_columns,
    insert_rows,
    joined,
    types_of,
)
from bench_pipeline.warehouse.hashes import hash_run_files
from bench_pipeline.warehouse.reading import Batch, Reading, Task, read_batch
from bench_pipeline.warehouse.schema import touch

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

RUN_TABLES = (
    *("run_files", "runs", "servers", "requests", "waves", "wave_speeds", "telemetry"),
    *("measurements", "curve_points", "bare_tests", "conversations", "conversation_turns"),
)
"""The tables whose rows come and go with a run."""

_BATCH_RUNS = 100
"""Inserted at once: some thirty thousand requests, a few MiB."""

_TASK_BYTES = 2**20
"""Read at once by one process: a dozen run files, half a second."""

_WORTH_PROCESSES_BYTES = 4 * 2**20
"""Less is read before other processes have imported what they need."""


@dataclass
class Ingest:
    """What one ingest did, in run files; `rejected` holds old rejections that still stand."""

    ingested: int = 0
    removed: int = 0
    unchanged: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    came: set[str] = field(default_factory=set)
    """The run_ids that got rows."""
    only_added: bool = True
    """Whether no run lost any: none was removed or edited."""


def ingest_runs(
    connection: DuckDBPyConnection,
    project: Project,
    rejected_before: dict[str, Rejection],
    catalogue: Catalogue,
    reporter: Reporter,
) -> Ingest:
    """Brings RUN_TABLES up to date with `content/benchmarks/runs/`.

    `rejected_before`: rejections by path, from the last time; such a file is not read again. Runs
    of a model whose entry in the catalogue is another than the last time are read again. Much
    that is new is read by all cores. WarehouseError if a process that reads is killed. What came
    or went stands in `touched_runs` then.
    """
    ingested_before: dict[str, tuple[str, str]] = {
        path: (sha256 if model not in catalogue.changed else "", run_id)
        for path, sha256, run_id, model in connection.execute(
            "select f.path, f.sha256, run_id, model from run_files f join runs using (run_id)"
        ).fetchall()
    }
    files = hash_run_files(connection, project)
    result = Ingest()
    holders = _Holders(list(files))
    for path, (sha256, run_id) in ingested_before.items():
        if path in files and files[path].sha256 == sha256:
            holders.claim(Reading(path, sha256, run_id))
    to_read = []
    for path, (file, sha256) in files.items():
        before = rejected_before.get(path)
        if before and before.sha256 != sha256:
            before = None
        if path in holders:
            continue
        if before and before.run_id is None:
            result.rejected.append(before)
        elif before and before.run_id in holders.of_run:
            holders.claim(Reading(path, sha256, before.run_id))
        else:
            to_read.append(file)
    rows = _Rows(connection, {run_id for _, run_id in ingested_before.values()})
    rows.delete({run_id for _, run_id in ingested_before.values()} - holders.of_run.keys())
    types = {table: types_of(connection, table) for table in RUN_TABLES}
    quiet_if_none = reporter if to_read else Silent()
    with quiet_if_none.step(f"Reading {len(to_read)} run files", total=len(to_read)) as step:
        for batch in _read(project, to_read, types, catalogue.models):
            won: list[Reading] = []
            lost: set[str] = set()
            for reading in batch.readings:
                if reading.rejection:
                    result.rejected.append(reading.rejection)
                elif reading.run_id and holders.claim(reading):
                    won.append(reading)
                elif reading.run_id:
                    lost.add(reading.run_id)
            rows.add(batch.without_runs(lost - {reading.run_id for reading in won}), won)
            result.ingested += len(won)
            step.advance(len(batch.readings))
        rows.flush()
    result.came, result.only_added = rows.came, not rows.went
    result.rejected += holders.duplicates()
    result.unchanged = len(holders.of_run) - result.ingested
    result.removed = len(ingested_before.keys() - {r.path for r in holders.of_run.values()})
    return result


class _Holders:
    """Which file holds which run: of those that claim it, the first in the order of the files."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._position = {path: number for number, path in enumerate(paths)}
        self._claims: dict[str, Reading] = {}
        self.of_run: dict[str, Reading] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._claims

    def claim(self, reading: Reading) -> bool:
        """Whether it holds the run; another may come before it later."""
        assert reading.run_id is not None
        self._claims[reading.path] = reading
        other = self.of_run.get(reading.run_id)
        if other and self._position[other.path] < self._position[reading.path]:
            return False
        self.of_run[reading.run_id] = reading
        return True

    def duplicates(self) -> list[Rejection]:
        return [
            _duplicate(claim, holder)
            for claim in self._claims.values()
            if (holder := self.of_run[claim.run_id or ""]) is not claim
        ]


def _read(
    project: Project,
    files: Iterable[Path],
    types: Mapping[str, Types],
    models: Mapping[str, ModelFile],
) -> Iterator[Batch]:
    """In the order of the files: by all cores if it is worth starting processes."""
    tasks, total_bytes = _tasks(project, files, types, models)
    cores = min(usable_cores(), len(tasks))
    if cores == 1 or total_bytes < _WORTH_PROCESSES_BYTES:
        yield from map(read_batch, tasks)
        return
    try:
        yield from in_processes(read_batch, tasks, cores)
    except ProcessLost as lost:
        raise WarehouseError(
            f"a process that read run files was killed ({lost})",
            mend="see whether memory ran out, then run it again: nothing was changed",
            where=project.runs,
        ) from None


def _tasks(
    project: Project,
    files: Iterable[Path],
    types: Mapping[str, Types],
    models: Mapping[str, ModelFile],
) -> tuple[list[Task], int]:
    """Files in their order, so many that a task has `_TASK_BYTES`, and the bytes of them all."""
    groups: list[list[Path]] = []
    in_group = total_bytes = 0
    for file in files:
        try:
            size_bytes = file.stat().st_size
        except OSError:
            size_bytes = 0  # reading it says why
        if not groups or in_group + size_bytes > _TASK_BYTES:
            groups.append([])
            in_group = 0
        groups[-1].append(file)
        in_group += size_bytes
        total_bytes += size_bytes
    return [Task(project, tuple(group), types, models) for group in groups], total_bytes


def _duplicate(claim: Reading, holder: Reading) -> Rejection:
    return Rejection(
        path=claim.path,
        sha256=claim.sha256,
        problem=f"holds run {claim.run_id}, which `{holder.path}` holds already",
        mend="remove one of the two files",
        place=claim.path,
        kind="run",
        run_id=claim.run_id,
    )


class _Rows:
    """Collects rows and inserts them by the hundred runs."""

    def __init__(self, connection: DuckDBPyConnection, present: set[str]) -> None:
        self._connection = connection
        self._present = present
        """The run_ids that have rows now."""
        self.came: set[str] = set()
        self.went: set[str] = set()
        """The run_ids that got rows, and that lost them."""
        self._now = datetime.now(UTC).replace(tzinfo=None)
        self._clear()

    def _clear(self) -> None:
        self._parts: dict[str, list[Columns]] = defaultdict(list)
        self._files: list[Row] = []

    def add(self, batch: Batch, read: Iterable[Reading]) -> None:
        """`read`: what of the batch has rows."""
        for table, columns in batch.columns.items():
            self._parts[table].append(columns)
        self._files += [
            {"path": r.path, "sha256": r.sha256, "run_id": r.run_id, "ingested_at": self._now}
            for r in read
        ]
        if len(self._files) >= _BATCH_RUNS:
            self.flush()

    def flush(self) -> None:
        # another file may have held one of them until now
        run_ids = [row["run_id"] for row in self._files]
        self.delete(run_ids)
        insert_rows(self._connection, "run_files", self._files)
        for table, parts in self._parts.items():
            insert_columns(self._connection, table, joined(parts))
        touch(self._connection, run_ids)
        self.came.update(run_ids)
        self._clear()

    def delete(self, run_ids: Collection[str]) -> None:
        if present := self._present.intersection(run_ids):
            touch(self._connection, sorted(present))
            for table in RUN_TABLES:
                self._connection.execute(
                    f"delete from {table} where run_id in (select unnest(?::varchar[]))",
                    [sorted(present)],
                )
            self._present -= present
            self.went |= present
