"""Run files of older schemas written anew in the newest, where that provably changes nothing."""

from pathlib import Path
from typing import NamedTuple

from bench_pipeline.errors import RecordError
from bench_pipeline.records.run import SCHEMA_VERSION
from bench_pipeline.records.yaml.files import dump_record, read_run, write_atomically
from bench_pipeline.records.yaml.finding import content_of
from bench_pipeline.records.yaml.strict import parse_yaml


class Rewritten(NamedTuple):
    schema_before: int
    bytes_before: int
    bytes_after: int


def rewrite_run(path: Path) -> Rewritten | None:
    """The file says the same afterwards, under the same name; comments in it are lost. None: it
    has the newest schema already.

    RecordError, and it is left as it was: it cannot be read, or what would be written reads back
    as another run.
    """
    before = content_of(path)
    run = read_run(path, before)
    schema = parse_yaml(before, path)["schema_version"]
    if schema == SCHEMA_VERSION:
        return None
    after = dump_record(run).encode()
    try:
        problem = "it reads as another run" if read_run(path, after) != run else None
    except RecordError as error:
        problem = error.problem
    if problem:
        raise RecordError(
            f"cannot be written in schema {SCHEMA_VERSION}: {problem}",
            mend="nothing: it goes on being read as it is",
            where=path,
        )
    write_atomically(path, after)
    return Rewritten(schema, len(before), len(after))
