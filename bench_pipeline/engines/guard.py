"""Runs one command that must not outlive the process that wants it.

    python -I -S guard.py OWNER_PID LOG_FILE GRACE_S LIMIT_BYTES COMMAND...

Started by `server.LlamaServer` in a session of its own, so that a Ctrl-C in the terminal
reaches neither it nor the server. Standard library only: it starts in 20 ms and keeps no
memory worth naming beside the benchmark.

stdin    a pipe whose other end the owner holds. Anything written asks for an orderly stop:
         SIGTERM, then SIGKILL after GRACE_S (seconds). Its end means that the owner is gone:
         SIGKILL.
stdout   one line of JSON with the server's pid (or why it did not start), and, when it has
         ended, one with its exit status (negative: minus the signal).

If the guard itself is killed, Linux kills the server (PR_SET_PDEATHSIG). The guard does not
ask for the same about its owner: that signal comes when the *thread* that started it ends,
and a server may be started by a thread of a pool. It looks at its parent's pid instead, in
case another child of the owner inherited the pipe and keeps it open.
"""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

GRACE_S = 5.0
"""What its users give it, for a server that is asked to stop."""
_LOOK_S = 0.5
_PR_SET_PDEATHSIG = 1


LOG_LIMIT_BYTES = 64 * 2**20
"""Of what a server may write into one file, its log: a chatty one must not fill the disk that its
run's result goes to. Where less is free, a quarter of that. What it says beyond is lost."""
MEMORY_LIMIT_BYTES = 8 * 2**30
"""The same of an engine whose processes share memory: to the system that is a file as well, and a
log is not told from it."""


def _bound_log(log_file: str, limit_bytes: int) -> None:
    """For the server, which inherits it; a write beyond fails, and its signal is not sent."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        disk = os.statvfs(os.path.dirname(log_file) or ".")  # noqa: PTH120 - as in main()
        limit = min(limit_bytes, disk.f_bavail * disk.f_frsize // 4)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))


def _dies_with_guard() -> Callable[[], None] | None:
    """For the child to call between fork and exec; only Linux has it."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork
    guard = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:  # it died before the line above
            os._exit(1)

    return ask


def _report(**what: object) -> None:
    with suppress(OSError):  # nobody may be left to read it
        os.write(1, (json.dumps(what) + "\n").encode())


def _signal_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _wait(server: subprocess.Popen[bytes], owner: int, grace_s: float, wakeup: int) -> int:
    """Until the server has ended, by itself or by what the owner wants."""
    kill_at: float | None = None
    while (status := server.poll()) is None:
        left_s = _LOOK_S if kill_at is None else max(0.0, kill_at - time.monotonic())
        ready, _, _ = select.select([0, wakeup], [], [], min(_LOOK_S, left_s))
        asked = wakeup in ready and signal.SIGTERM in os.read(wakeup, 4096)
        told = os.read(0, 64) if 0 in ready else None
        if told == b"" or os.getppid() != owner:
            _signal_group(server.pid, signal.SIGKILL)
            return server.wait()
        if (told or asked) and kill_at is None:
            _signal_group(server.pid, signal.SIGTERM)
            kill_at = time.monotonic() + grace_s
        if kill_at is not None and time.monotonic() >= kill_at:
            _signal_group(server.pid, signal.SIGKILL)
            return server.wait()
    return status


def main(arguments: list[str]) -> None:
    owner, log_file, grace_s, limit_bytes, *command = arguments
    wakeup, end = os.pipe()
    os.set_blocking(end, False)
    signal.set_wakeup_fd(end)
    # Handlers, not SIG_IGN: an ignored signal stays ignored in the server.
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    _bound_log(log_file, int(limit_bytes))
    try:
        with open(log_file, "ab") as log:  # noqa: PTH123 - pathlib would double the start time
            server = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=_dies_with_guard(),
            )
    except (OSError, subprocess.SubprocessError) as error:
        _report(error=getattr(error, "strerror", None) or str(error))
        return
    _report(pid=server.pid)
    status = _wait(server, int(owner), float(grace_s), wakeup)
    _signal_group(server.pid, signal.SIGKILL)  # whatever it started itself
    _report(exit=status)


if __name__ == "__main__":
    main(sys.argv[1:])
