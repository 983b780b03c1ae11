"""One benchmark on a rig.

A file lock on the rig itself is the truth: the kernel releases it when its holder dies, and
it binds the command line, the UI, a queue worker and a second checkout alike.
"""

import errno
import getpass
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
from bench_pipeline.harness.shared_file import open_for_all
from bench_pipeline.progress import Reporter
from bench_pipeline.records.yaml.strict import printable

WAIT_S = 3600
"""Longer than any single run; a campaign releases the lock between its runs."""


LOCK_VARIABLE = "BENCH_PIPELINE_LOCK"
"""Names another lock file. For this project's own tests, which must neither wait for a benchmark
on their machine nor hold one up; two benchmarks under two locks would measure each other."""


_NAME = "bench_pipeline.lock"


def lock_path() -> Path:
    """The same for every user and checkout of this machine."""
    if chosen := os.environ.get(LOCK_VARIABLE):
        return Path(chosen)
    for folder in (Path("/run/lock"), Path("/var/lock")):
        if os.access(folder, os.W_OK):
            return folder / _NAME
    return Path(tempfile.gettempdir()) / _NAME


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
        if sys.platform == "win32":
            lock = FileLock(path)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                return None
            held.callback(lock.release)
            return held.pop_all()
        import fcntl

        file = open_for_all(path, os.O_RDWR)
        held.callback(os.close, file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        if sys.platform == "linux":
            # A name in the kernel, which dies with its holder and which nobody can delete: who
            # removes the file would else let a second benchmark in beside the first.
            name = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            try:
                name.bind(_kernel_name(path))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                return None
        return held.pop_all()
    return None


def _kernel_name(path: Path) -> str:
    """One for the machine, whichever folder a user's lock lies in; another for a test's lock."""
    of = b"the rig" if path.name == _NAME else os.fsencode(path)
    return f"\0bench_pipeline {hashlib.sha256(of).hexdigest()}"


def _write_note(path: Path) -> None:
    """Who holds it, for the line that another one shows while it waits. It is no more than that:
    where it cannot be written, nobody is told."""
    try:
        who = f" of {getpass.getuser()}"
    except (KeyError, OSError):  # a number without a name, as in containers
        who = ""
    since = time.strftime("%H:%M:%SZ", time.gmtime())
    with suppress(OSError):
        file = open_for_all(_note(path), os.O_WRONLY | os.O_TRUNC)
        with os.fdopen(file, "w") as note:
            note.write(f"pid {os.getpid()} since {since}{who}")


def _note(path: Path) -> Path:
    return path.with_suffix(".holder")


def _holder(path: Path) -> str:
    try:
        return printable(_note(path).read_text(errors="replace"))
    except OSError:
        return "holder unknown"
