"""`make ui` leaves no process behind, whatever ends it. Its services are stood in for: one that
ignores what it is asked, with a child that does too, as a run with its engine may."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import wait_until

SERVICES = """
import os, signal, subprocess, sys, time
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
from bench_pipeline.deploy import services
services.GRACE_S = 0.5
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
services._dev = lambda: (open(sys.argv[-1], "w").write(f"{os.getpid()} {child.pid}"),
                         time.sleep(600))
services.main()
"""
SUPERVISOR = """
import sys
from pathlib import Path
from bench_pipeline.deploy import supervisor
supervisor.GRACE_S = supervisor.RUNS_GRACE_S = supervisor._LOOK_S = 0.3
sys.exit(supervisor.run([sys.executable, "-c", *sys.argv[1:]], Path.cwd()))
"""


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize(
    ("number", "of"),
    [
        (signal.SIGINT, "supervisor"),
        (signal.SIGTERM, "supervisor"),
        (signal.SIGKILL, "supervisor"),
        (signal.SIGKILL, "services"),
        (signal.SIGKILL, "make"),
    ],
)
def test_nothing_outlives_it(number: signal.Signals, of: str, tmp_path: Path) -> None:
    note = tmp_path / "pids"
    command = [sys.executable, "-c", SUPERVISOR, SERVICES, str(note)]
    shell = ["sh", "-c", 'echo $$ > "$0"; "$@"; true', str(tmp_path / "make"), *command]
    started = subprocess.Popen(shell, env={**os.environ, "MAKELEVEL": "1"})
    try:
        wait_until(lambda: note.exists() and len(note.read_text().split()) == 2, "the services")
        services, child = map(int, note.read_text().split())
        supervisor = int(Path(f"/proc/{services}/stat").read_text().rsplit(")", 1)[1].split()[1])
        pids = {"make": started.pid, "supervisor": supervisor, "services": services}
        os.kill(pids[of], number)
        wait_until(lambda: not any(map(alive, (supervisor, services, child))), "the end of all")
    finally:
        started.kill()
        started.wait()
