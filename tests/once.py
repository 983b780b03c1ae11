"""What is costly to make and only read afterwards, made once for all workers of a test run."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder `name`, which `make` filled; tests read it and change nothing.

    `make` gets a folder that does not exist. Whoever comes second waits for the first.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # the workers' common one
    folder = base / name
    complete = base / f"{name}.complete"
    with FileLock(base / f"{name}.lock"):
        if not complete.exists():
            make(folder)
            complete.touch()
    return folder
