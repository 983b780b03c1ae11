"""Run files as columns that are ready to be inserted: what a process beside this one can do.

Nothing here knows the warehouse, or imports what it needs.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bench_pipeline.errors import RecordError
from bench_pipeline.paths import Project
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.yaml.finding import content_of
from bench_pipeline.warehouse.files import Rejection, relative, sha256_of
from bench_pipeline.warehouse.frames import Columns, Types, Values, joined, typed, without


@dataclass(frozen=True)
class Task:
    """Files to read, in their order, into tables of these types."""

    project: Project
    files: tuple[Path, ...]
    types: Mapping[str, Types]
    catalogue: Mapping[str, ModelFile]


@dataclass(frozen=True)
class Reading:
    """One file, and the run that it holds, or why it is rejected; neither: it went away."""

    path: str
    sha256: str
    run_id: str | None = None
    rejection: Rejection | None = None


@dataclass(frozen=True)
class Batch:
    """What a task came to. Of several files with one run_id, `columns` hold the first."""

    readings: list[Reading]
    columns: dict[str, Columns]
    """By table; one that got no row is not among them."""

    def without_runs(self, run_ids: Collection[str]) -> "Batch":
        if not run_ids:
            return self
        columns = {
            table: without(of_table, "run_id", run_ids) for table, of_table in self.columns.items()
        }
        return Batch(self.readings, columns)


def read_batch(task: Task) -> Batch:
    from bench_pipeline.warehouse.admission import columns_of_all

    found = [_read(task, file) for file in task.files]
    first = {one.reading.run_id: one for one in reversed(found) if one.rows}
    taken = [one for one in found if one.rows and first[one.reading.run_id] is one]
    columns = columns_of_all([one.rows for one in taken], task.types)
    if columns is None:
        return _one_by_one(task, found)
    return Batch([one.reading for one in found], columns)


@dataclass(frozen=True)
class _Read:
    file: Path
    reading: Reading
    rows: Mapping[str, Values]
    """By table; none of a file that is rejected."""


def _one_by_one(task: Task, found: Iterable[_Read]) -> Batch:
    """As some of their rows are such as no table or no export holds."""
    from bench_pipeline.warehouse.admission import refuse_unwritable, rejecting

    readings: list[Reading] = []
    parts: dict[str, list[Columns]] = {table: [] for table in task.types}
    run_ids = set()
    for one in found:
        reading, columns = one.reading, dict[str, Columns]()
        try:
            with rejecting(one.file):
                refuse_unwritable(one.rows)
            columns = _columns_of_run(one.rows, one.file, task.types)
        except RecordError as error:
            rejection = Rejection.of(error, task.project, one.file, b"", "run")
            rejection = replace(rejection, sha256=reading.sha256)
            reading = Reading(reading.path, reading.sha256, rejection=rejection)
        readings.append(reading)
        if reading.run_id not in run_ids:
            for table, part in columns.items():
                parts[table].append(part)
        run_ids.add(reading.run_id)
    return Batch(
        readings, {table: joined(of_table) for table, of_table in parts.items() if of_table}
    )


def _read(task: Task, file: Path) -> _Read:
    from bench_pipeline.warehouse.admission import judged  # all that judges a run

    path = relative(task.project, file)
    content = b""
    try:
        content = content_of(file)
        run, rows = judged(file, content, path, task.catalogue)
    except RecordError as error:
        rejection = Rejection.of(error, task.project, file, content, "run")
        return _Read(file, Reading(path, rejection.sha256, rejection=rejection), {})
    return _Read(file, Reading(path, sha256_of(content), run.run_id), rows)


def _columns_of_run(
    rows: Mapping[str, Values], file: Path, types: Mapping[str, Types]
) -> dict[str, Columns]:
    try:
        return {table: typed(of_table, types[table]) for table, of_table in rows.items()}
    except OverflowError as error:
        raise RecordError(str(error), mend="correct the value", where=file) from None
