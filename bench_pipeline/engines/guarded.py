"""A server of ours on this machine, of whatever engine: under its guard, and never left behind."""

import json
import os
import socket
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psutil

from bench_pipeline.engines import guard
from bench_pipeline.engines.secrets import arguments_without_secrets
from bench_pipeline.errors import EngineError

LOG_TAIL_LINES = 15
PORT_TRIES = 3
"""A port that was free may be taken before the server binds it."""
LOOK_S = 0.05
"""Between two looks at whether it answers."""
_SLOWEST_DISK_BYTES_S = 50e6


def load_limit_s(size_bytes: int) -> float:
    """How long a server may take to answer: two minutes, and the time that a slow disk needs."""
    return 120 + size_bytes / _SLOWEST_DISK_BYTES_S


def free_port() -> int:
    """A port that was free a moment ago. Another process may take it before the server does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def somebody_listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class GuardedServer(ABC):
    """What every server has in common; a family's own says how it is started and proven.

    base_url                  `http://127.0.0.1:<port>`
    pid                       of the server itself
    load_ms                   from its start until it answered
    slots                     as it proved them; None until then, or where it cannot
    context_tokens_per_slot   likewise
    devices                   names of the devices that hold the model, where that is known
    """

    limit_bytes = guard.LOG_LIMIT_BYTES
    """Of any file that it writes."""

    def __init__(self, log_path: Path, *, where: str) -> None:
        """`where`: what its errors are about, build and model."""
        self.log_path, self._where = log_path, where
        self._port = 0
        self._argv: list[str] = []
        self._guard: subprocess.Popen[bytes] | None = None
        self._process: psutil.Process | None = None
        self.exit_status: int | None = None
        self.devices: list[str] = []
        self.load_ms: float | None = None
        self.slots: int | None = None
        self.context_tokens_per_slot: int | None = None

    @abstractmethod
    def __enter__(self) -> Self:
        """Starts it, waits until it answers, and proves what it was asked for."""

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the server was not started")
        return self._process.pid

    @property
    def watched_pid(self) -> int | None:
        """`pid`; None where it is another machine's, or hidden from this user."""
        return self.pid

    @property
    def public_argv(self) -> list[str]:
        """The whole command, binary and model by file name; empty if it never came to one."""
        return [self._scrub(argument) for argument in arguments_without_secrets(self._argv)]

    def planned_devices(self) -> list[str]:
        """`devices`, before it is started."""
        return self.devices

    def log_lines(self) -> list[str]:
        """The server's log so far, as written; empty before it started."""
        try:
            return self.log_path.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return []

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> list[str]:
        """The last lines that are not empty, private folders cut from their paths."""
        written = [line.rstrip() for line in self.log_lines() if line.strip()]
        return [self._scrub(line) for line in written[-lines:]]

    def alive(self) -> bool:
        """Whether the server itself still runs."""
        if self._process is None:
            return False
        try:
            return self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def stop(self) -> None:
        """SIGTERM, then SIGKILL to its group after a grace; returns when it is gone."""
        if (guarding := self._guard) is None:
            return
        assert guarding.stdin is not None and guarding.stdout is not None
        try:
            with suppress(OSError):  # it may have ended just now
                guarding.stdin.write(b"stop\n")
                guarding.stdin.flush()
            with suppress(subprocess.TimeoutExpired):
                guarding.wait(guard.GRACE_S + 5)
        finally:
            # Closing the pipe makes the guard kill the group at once: a second Ctrl-C.
            with suppress(OSError):
                guarding.stdin.close()
            if self.exit_status is None:
                self._read_exit_status()
            guarding.stdout.close()
            guarding.wait()
            self._guard = None

    def _start(self, argv: Sequence[str], port: int, env: Mapping[str, str]) -> None:
        self._port, self.exit_status, self._process = port, None, None
        self._argv = list(argv)
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self.log_path.write_bytes(b"")
        # -S: the guard needs no site-packages, and their start-up hooks take longer than it
        watcher = [sys.executable, "-I", "-S", guard.__file__, str(os.getpid())]
        log = str(self.log_path.absolute())
        self._guard = subprocess.Popen(
            [*watcher, log, str(guard.GRACE_S), str(self.limit_bytes), *self._argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
            start_new_session=True,
        )
        assert self._guard.stdout is not None
        answer: dict[str, Any] = json.loads(self._guard.stdout.readline() or b"{}")
        if "pid" not in answer:
            raise self._error(
                f"it cannot be started: {answer.get('error', 'its guard ended')}",
                mend="check that the binary is built for this system and may be executed",
            )
        with suppress(psutil.NoSuchProcess):  # then it ended at once
            self._process = psutil.Process(answer["pid"])

    def _owns_port(self) -> bool:
        """Whether it is our server that answers there, or a process of its, and not somebody
        else's."""
        if self._process is None:
            return False
        try:
            return self._listens(self._process) or any(
                map(self._listens, self._process.children(recursive=True))
            )
        except psutil.AccessDenied:  # a hardened system: the bind check in the log remains
            return True
        except psutil.NoSuchProcess:
            return False

    def _listens(self, process: psutil.Process) -> bool:
        sockets = process.net_connections("tcp")
        return any(s.status == psutil.CONN_LISTEN and s.laddr.port == self._port for s in sockets)

    def _read_exit_status(self) -> None:
        """What the guard reports at its end; it comes within milliseconds of the server's."""
        if self._guard is not None and self._guard.stdout is not None:
            with suppress(ValueError):  # the guard was killed before it could say
                self.exit_status = json.loads(self._guard.stdout.readline() or b"{}").get("exit")

    def _error(self, problem: str, *, mend: str, kind: str = "load") -> EngineError:
        """With the end of its log."""
        return EngineError(
            problem,
            mend=mend,
            where=self._where,
            kind=kind,
            log_tail=tuple(self.log_tail()),
        )

    @abstractmethod
    def _scrub(self, text: str) -> str:
        """`text` without the machine's private paths."""
