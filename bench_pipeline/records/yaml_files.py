"""Reading and writing records as YAML: strictly on the way in, atomically on the way out."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from bench_pipeline.errors import RecordError
from bench_pipeline.records.base import Record
from bench_pipeline.records.campaign import Campaign
from bench_pipeline.records.engines import EngineCatalogue
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import Rig
from bench_pipeline.records.run import SCHEMA_VERSION, Run
from bench_pipeline.records.workload import Workload

R = TypeVar("R", bound=Record)

MAX_BYTES = 16 * 2**20
"""A run file of many hundred requests stays under 1 MiB; more is an accident or an attack."""


_ORDER = {"extra_forbidden": 0, "missing": 2}
"""Which of several faults of a file is told first."""


class _StrictLoader(yaml.CSafeLoader):
    """CSafeLoader (ten times faster than the pure one), with duplicate keys refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if key_node.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key `{key_node.value}` stands twice", key_node.start_mark
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True  # readers review these files: no anchors


def parse_yaml(text: bytes, where: Path) -> dict:
    """The mapping that `text` holds. RecordError names file and line."""
    if len(text) > MAX_BYTES:
        raise RecordError(
            f"{len(text) // 2**20} MiB, more than the {MAX_BYTES // 2**20} MiB a record may have",
            mend="check what wrote it, then remove it",
            where=where,
        )
    try:
        document = yaml.load(text, Loader=_StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise RecordError(
            f"not valid YAML: {error.problem}",
            mend="correct that line, or restore the file (a truncated download?)",
            where=f"{where}{line}",
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RecordError(
            f"not valid YAML: {reason}",
            mend="correct the file, or restore it",
            where=where,
        ) from None
    if not isinstance(document, dict):
        raise RecordError(
            "holds no mapping of keys to values" if document is not None else "is empty",
            mend="write the keys that docs/records.md lists, or remove the file",
            where=where,
        )
    return document


def _line_of(text: bytes, location: tuple[int | str, ...]) -> int | None:
    """Line (from 1) of the deepest part of `location` that the text has."""
    node = yaml.compose(text, Loader=yaml.CSafeLoader)
    line = None
    for step in location:
        if isinstance(node, yaml.MappingNode):
            found = [(k, v) for k, v in node.value if k.value == str(step)]
            if not found:
                break
            key, node = found[0]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            line = node.start_mark.line + 1
        # any other step is a union's tag in pydantic's location, not a place in the file
    return line


def parse_record(kind: type[R], text: bytes, where: Path) -> R:
    """`text` as a `kind`. RecordError names file, line, key and mend."""
    document = parse_yaml(text, where)
    if kind is Run:
        _refuse_other_schema(document, where)
    elif "slug" in kind.model_fields:
        if document.get("slug", where.stem) != where.stem:
            raise RecordError(
                f"says slug `{document['slug']}` but the file is named `{where.name}`",
                mend="leave `slug` out: the file's name is the slug",
                where=where,
            )
        document["slug"] = where.stem
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        # A misspelt key is both unknown and missing: the unknown one is what to mend.
        errors = error.errors(include_url=False)
        first = min(errors, key=lambda e: _ORDER.get(e["type"], 1))
        location = tuple(first["loc"])
        line = _line_of(text, location)
        key = ".".join(str(step) for step in location)
        others = len(errors) - 1
        more = f" (and {others} more)" if others else ""
        if first["type"] == "extra_forbidden":
            problem, mend = f"unknown key `{key}`", "remove it, or correct its spelling"
        elif first["type"] == "missing":
            problem, mend = f"the key `{key}` is missing", "add it"
        else:
            got = f", got {str(first['input'])[:60]!r}" if location else ""
            problem, mend = f"{key or 'record'}: {first['msg']}{got}", "correct the value"
        raise RecordError(
            problem + more,
            mend=f"{mend}; docs/records.md lists every key",
            where=f"{where}:{line}" if line else where,
        ) from None


def _refuse_other_schema(document: dict, where: Path) -> None:
    version = document.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise RecordError(
            f"schema {version} is newer than this code, which reads up to {SCHEMA_VERSION}",
            mend="update bench_pipeline (git pull), or move the file away",
            where=where,
        )


def read_record(kind: type[R], path: Path) -> R:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise RecordError("no such file", mend="check the name", where=path) from None
    except OSError as error:
        raise RecordError(
            f"cannot be read: {error.strerror}", mend="check its permissions", where=path
        ) from None
    return parse_record(kind, text, path)


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
    return {path.stem: read_record(kind, path) for path in sorted(folder.glob("*.yaml"))}


def read_rigs(folder: Path) -> dict[str, Rig]:
    return read_folder(Rig, folder)


def read_models(folder: Path) -> dict[str, ModelFile]:
    return read_folder(ModelFile, folder)


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
    return iter(sorted(folder.rglob("*.yaml")))


def dump_record(record: Record) -> str:
    """YAML of a record, keys in the order of its class, values that are None left out."""
    document = record.model_dump(mode="json", exclude_none=True)
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Either the whole file is there afterwards, or what was there before.

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
        Path(temporary).chmod(0o644)
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
