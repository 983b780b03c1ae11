"""`make ui`: Dagster's services, started together and ended together, however that comes about."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

GRACE_S = 20.0
"""What Dagster has to end by itself; three seconds are usual."""
RUNS_GRACE_S = 8.0
"""What a run that was launched from it has to stop its engine."""
_LOOK_S = 1.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(command: list[str], folder: Path) -> int:
    """`command` in a process group of its own, of which nothing is left afterwards. Its stdin ends
    with this process. 0 if it was asked to end, 1 if it ended by itself."""
    asked = threading.Event()
    parent = os.getppid() if "MAKELEVEL" in os.environ else None
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as nohup asks
            signal.signal(number, lambda *_: asked.set())
    services = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, start_new_session=True)
    try:
        while services.poll() is None and not asked.wait(_LOOK_S):
            if parent is not None and os.getppid() != parent:
                asked.set()
        if services.poll() is None:
            services.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                services.wait(GRACE_S)
    finally:
        _end_group(services)
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0 if asked.is_set() else 1


def services_command(port: int) -> list[str]:
    """On loopback alone: Dagster has no login."""
    ours = [sys.executable, "-m", "bench_pipeline.deploy.services", "-w", "workspace.yaml"]
    return [*ours, "-h", "127.0.0.1", "-p", str(port)]


def _end_group(services: "subprocess.Popen[bytes]") -> None:
    """What is left: the runs, and all of it where Dagster did not end."""
    until = time.monotonic() + RUNS_GRACE_S
    number: int = signal.SIGTERM
    with suppress(ProcessLookupError):
        while True:
            os.killpg(services.pid, number)
            services.poll()
            if number == signal.SIGKILL:
                break
            time.sleep(0.2)
            number = signal.SIGKILL if time.monotonic() > until else 0
    services.wait()
