"""What another process does to a file, by `tests.forking`."""

from multiprocessing.connection import Connection
from pathlib import Path

from bench_pipeline.records.yaml.files import write_atomically


def writes_often(connection: Connection, path: Path, letter: str) -> None:
    for _ in range(50):
        write_atomically(path, letter * 20_000)
