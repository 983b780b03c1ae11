"""One benchmark on a rig.

A file lock on the rig itself is the truth: the kernel releases it when its holder dies, and
it binds the command line, the UI, a queue worker and a second checkout alike.
"""

import errno
import hashlib
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from bench_pipeline.errors import RigError
from bench_pipeline.progress import Reporter
from bench_pipeline.records.yaml.strict import printable

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
    try:
        lock = _held_at_once(path)
        if lock is None:
            reporter.say(f"Another benchmark holds this rig ({_holder(path)}); waiting for it.")
        deadline = time.monotonic() + wait_s
        while lock is None:
            if time.monotonic() > deadline:
                raise RigError(
                    f"another benchmark has held this rig for {wait_s / 60:.0f} minutes"
                    f" ({_holder(path)})",
                    mend="wait for it or stop it, then run this again",
                    where=path,
                )
            time.sleep(min(1.0, wait_s))
            lock = _held_at_once(path)
    except OSError as error:
        raise RigError(
            f"the rig's lock cannot be opened: {error.strerror or error}",
            mend="remove what lies there, as its owner or root; it is made anew",
            where=path,
        ) from None
    with lock:
        _write_note(path)
        yield


def _held_at_once(path: Path) -> ExitStack | None:
    """What holds the rig until it is closed; None: somebody else does."""
    with ExitStack() as held:
        # Mode 0o666: another user's benchmark must be able to open the same file.
        lock = FileLock(path, mode=0o666)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        held.callback(lock.release)
        if sys.platform == "linux":
            # A name in the kernel, which dies with its holder and which nobody can delete: who
            # removes the file would else let a second benchmark in beside the first.
            name = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            try:
                name.bind(f"\0bench_pipeline {hashlib.sha256(os.fsencode(path)).hexdigest()}")
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                return None
        return held.pop_all()
    return None


def _write_note(path: Path) -> None:
    """Who holds it, for the line that another one shows while it waits. It is no more than that:
    where it cannot be written, nobody is told."""
    said = f"pid {os.getpid()} since {time.strftime('%H:%M:%SZ', time.gmtime())}"
    with suppress(OSError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
        file = os.open(_note(path), flags | getattr(os, "O_NONBLOCK", 0), 0o666)
        with os.fdopen(file, "w") as note:
            with suppress(OSError):
                os.fchmod(file, 0o666)  # the mask of who came first must not shut out the next
            note.write(said)


def _note(path: Path) -> Path:
    return path.with_suffix(".holder")


def _holder(path: Path) -> str:
    try:
        return printable(_note(path).read_text(errors="replace"))
    except OSError:
        return "holder unknown"
