"""Reading and writing records as YAML: strictly on the way in, atomically on the way out."""

import os
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bench_pipeline.errors import RecordError
from bench_pipeline.records.base import Record
from bench_pipeline.records.campaign import Campaign
from bench_pipeline.records.engines import EngineCatalogue
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.run import SCHEMA_VERSION, SEAL, SIGNATURE, Run
from bench_pipeline.records.workload import Workload
from bench_pipeline.records.yaml.finding import content_of, record_files
from bench_pipeline.records.yaml.migrations import upgrade
from bench_pipeline.records.yaml.strict import dump_yaml, line_of, parse_yaml, printable
from bench_pipeline.records.yaml.tables import TableFault, read_tables, write_tables
from bench_pipeline.records.yaml.whole import (
    refuse_altered,
    refuse_loose_signature,
    refuse_truncated,
    sealed,
)

R = TypeVar("R", bound=Record)

_ORDER = {"extra_forbidden": 0, "missing": 2}
"""Which of several faults of a file is told first."""

_BARE = (bool, int, float, date)
"""What YAML makes of a bare `on`, `0777`, `1.5` or `2026-11-22` where text is wanted."""


def parse_record(kind: type[R], text: bytes, where: Path) -> R:
    """`text` as a `kind`. RecordError names file, line, key and mend."""
    if kind is Run:
        refuse_truncated(text, where)
    document = parse_yaml(text, where)
    seal = None
    if kind is Run:
        _refuse_other_schema(document, where)
        if SEAL in document and _of_this_schema(document):
            seal = str(document.pop(SEAL))
        if SIGNATURE in document and _of_this_schema(document):
            refuse_loose_signature(text, where)
            del document[SIGNATURE]
    elif "slug" in kind.model_fields:
        if document.get("slug", where.stem) != where.stem:
            raise RecordError(
                f"says slug `{document['slug']}` but the file is named `{where.name}`",
                mend="leave `slug` out: the file's name is the slug",
                where=where,
            )
        document["slug"] = where.stem
    try:
        if kind is Run and not _of_this_schema(document):
            document = upgrade(document)
        else:
            read_tables(kind, document)
        record = kind.model_validate(document)
    except TableFault as fault:
        place = printable(".".join(map(str, fault.location)))
        raise _at(text, fault.location, f"{place}: {fault.problem}", fault.mend, where) from None
    except ValidationError as error:
        # A misspelt key is both unknown and missing: the unknown one is what to mend.
        errors = error.errors(include_url=False)
        first = min(errors, key=lambda e: _ORDER.get(e["type"], 1))
        problem, mend = _explain(first)
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise _at(text, tuple(first["loc"]), problem + more, mend, where) from None
    if seal is not None:
        refuse_altered(text, seal, where)
    return record


def _at(
    text: bytes, location: tuple[int | str, ...], problem: str, mend: str, where: Path
) -> RecordError:
    line = line_of(text, location)
    return RecordError(
        problem,
        mend=f"{mend}; docs/records.md lists every key",
        where=f"{where}:{line}" if line else where,
    )


def _explain(fault: ErrorDetails) -> tuple[str, str]:
    """Problem and mend of one of pydantic's errors."""
    key = printable(".".join(str(step) for step in fault["loc"]))
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        return f"unknown key `{key}`", "remove it, or correct its spelling"
    if fault["type"] == "missing":
        return f"the key `{key}` is missing", "add it"
    if not fault["loc"]:
        return message, "correct it"
    got = fault["input"]
    shown = f", got `{printable(str(got))}`" if isinstance(got, (str, *_BARE)) else ""
    if fault["type"] == "string_type" and isinstance(got, _BARE):
        mend = f"write it in quotes: bare, YAML reads it as a {type(got).__name__}"
    elif fault["loc"] == ("slug",):
        mend = "rename the file: small letters and digits, then also `.`, `_` and `-`"
    else:
        mend = "correct the value"
    return f"{key}: {message}{shown}", mend


def _of_this_schema(document: dict) -> bool:
    return document.get("schema_version") == SCHEMA_VERSION


def _refuse_other_schema(document: dict, where: Path) -> None:
    version = document.get("schema_version")
    if type(version) is not int or version < 1:
        raise RecordError(
            f"schema_version: no number of a schema, got `{printable(str(version))}`"
            if version is not None
            else "the key `schema_version` is missing",
            mend=f"write `schema_version: {SCHEMA_VERSION}` into the first line",
            where=where,
        )
    if version > SCHEMA_VERSION:
        raise RecordError(
            f"schema {version} is newer than this code, which reads up to {SCHEMA_VERSION}",
            mend="update bench_pipeline (git pull), or move the file away",
            where=where,
        )


def read_record(kind: type[R], path: Path) -> R:
    return parse_record(kind, content_of(path), path)


def read_run(path: Path, text: bytes | None = None) -> Run:
    """A run file whose path and content agree."""
    run = parse_record(Run, text, path) if text is not None else read_record(Run, path)
    expected = Path(run.relative_path)
    if path.parts[-3:] != expected.parts:
        raise RecordError(
            f"its content belongs at `{run.relative_path}` (rig/backend/start-run_id)",
            mend="move the file there, or correct rig, backend, started_at or run_id",
            where=path,
        )
    return run


def read_folder(kind: type[R], folder: Path) -> dict[str, R]:
    """Every `*.yaml` of a folder by slug, in order of file name."""
    return {path.stem: read_record(kind, path) for path in record_files(folder)}


def read_what_can_be(kind: type[R], folder: Path) -> tuple[dict[str, R], list[RecordError]]:
    """As `read_folder`, and what is wrong with those that cannot be read."""
    read: dict[str, R] = {}
    broken: list[RecordError] = []
    for path in record_files(folder):
        try:
            read[path.stem] = read_record(kind, path)
        except RecordError as error:
            broken.append(error)
    return read, broken


def read_named(kind: type[R], folder: Path, slug: str) -> R | None:
    """One record alone, whatever is wrong with those beside it; None if there is no such file."""
    path = folder / f"{slug}.yaml"
    there = path.parent == folder and os.path.lexists(path)
    return read_record(kind, path) if there else None


def read_rigs(folder: Path) -> dict[str, Rig]:
    return read_folder(Rig, folder)


def read_workloads(folder: Path) -> dict[str, Workload]:
    """In the order in which the page shows them."""
    found = read_folder(Workload, folder).values()
    return {workload.slug: workload for workload in sorted(found, key=lambda w: w.order)}


def read_campaigns(folder: Path) -> dict[str, Campaign]:
    return read_folder(Campaign, folder)


def read_engines(path: Path) -> EngineCatalogue:
    return read_record(EngineCatalogue, path)


def run_files(folder: Path) -> Iterator[Path]:
    """Every file that should be a run, in a stable order; one in a wrong folder is among them."""
    return iter(record_files(folder, below=True))


def dump_record(record: Record) -> str:
    """YAML of a record, keys in the order of its class; values that are None and tables without
    a line left out."""
    document = record.model_dump(mode="json", exclude_none=True)
    write_tables(type(record), document)
    is_run = isinstance(record, Run)
    text = dump_yaml(document, explicit_end=is_run)
    return sealed(text) if is_run else text


def write_atomically(path: Path, content: str | bytes, *, mode: int = 0o644) -> None:
    """Either the whole file is there afterwards, or what was there before; never more open than
    `mode`.

    Temp file beside it, fsync, rename, fsync of the folder. RecordError on a full disk.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
        temporary = None
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise RecordError(
            f"cannot be written: {error.strerror}",
            mend="free space on that disk or correct its permissions, then run it again",
            where=path,
        ) from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def write_run(run: Run, runs_folder: Path) -> Path:
    """Writes a run to its place; refuses to overwrite: a run file is immutable."""
    path = runs_folder / run.relative_path
    if path.exists():
        raise RecordError("exists already: run files are immutable", mend="delete it", where=path)
    text = dump_record(run)
    read_run(path, text.encode())  # what cannot be read back is not written
    write_atomically(path, text)
    return path
