"""One benchmark on a rig.

A file lock on the rig itself is the truth: the kernel releases it when its holder dies, and
it binds the command line, the UI, a queue worker and a second checkout alike.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from bench_pipeline.errors import RigError
from bench_pipeline.progress import Reporter

WAIT_S = 3600
"""Longer than any single run; a campaign releases the lock between its runs."""


LOCK_VARIABLE = "BENCH_PIPELINE_LOCK"
"""Names another lock file. For this project's own tests, which must neither wait for a benchmark
on their machine nor hold one up; two benchmarks under two locks would measure each other."""


def lock_path() -> Path:
    """The same for every user and checkout of this machine."""
    if chosen := os.environ.get(LOCK_VARIABLE):
        return Path(chosen)
    for folder in (Path("/run/lock"), Path("/var/lock")):
        if os.access(folder, os.W_OK):
            return folder / "bench_pipeline.lock"
    return Path(tempfile.gettempdir()) / "bench_pipeline.lock"


@contextmanager
def rig_lock(
    reporter: Reporter, path: Path | None = None, wait_s: float = WAIT_S
) -> Iterator[None]:
    """Holds the rig. RigError after `wait_s` of waiting, naming the holder."""
    path = path or lock_path()
    # Mode 0o666: another user's benchmark must be able to open the same file.
    lock = FileLock(path, mode=0o666)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        reporter.say(f"Another benchmark holds this rig ({_holder(path)}); waiting for it.")
        try:
            lock.acquire(timeout=wait_s, poll_interval=1)
        except Timeout:
            raise RigError(
                f"another benchmark has held this rig for {wait_s / 60:.0f} minutes"
                f" ({_holder(path)})",
                mend="wait for it or stop it, then run this again",
                where=path,
            ) from None
    try:
        _note(path).write_text(
            f"pid {os.getpid()} since {time.strftime('%H:%M:%SZ', time.gmtime())}"
        )
        yield
    finally:
        lock.release()


def _note(path: Path) -> Path:
    return path.with_suffix(".holder")


def _holder(path: Path) -> str:
    try:
        return _note(path).read_text()
    except OSError:
        return "holder unknown"
