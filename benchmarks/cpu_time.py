"""CPU time of a whole program, the processes that it starts and abandons included."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WATCH = """
import ctypes, json, os, resource, subprocess, sys
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER: orphans of the program become ours, and are counted
ctypes.CDLL(None).prctl(SUBREAPER, 1)
report = int(sys.argv[1])
status = subprocess.Popen(sys.argv[2:]).wait()
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
used = resource.getrusage(resource.RUSAGE_CHILDREN)
os.write(report, json.dumps([status, used.ru_utime + used.ru_stime]).encode())
"""


@dataclass(frozen=True)
class Finished:
    """cpu_s: user and system time of the program and all its descendants."""

    cpu_s: float
    wall_s: float
    status: int
    output: str


def run_and_measure(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, timeout_s: float = 600
) -> Finished:
    """Runs it to its end; `output` is standard output, with standard error where it failed.

    Linux only. subprocess.TimeoutExpired after `timeout_s`.
    """
    reading, writing = os.pipe()
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", WATCH, str(writing), *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=env,
        pass_fds=[writing],
        timeout=timeout_s,
    )
    wall_s = time.perf_counter() - began
    os.close(writing)
    with os.fdopen(reading, "rb") as report:
        status, cpu_s = json.loads(report.read())
    return Finished(cpu_s, wall_s, status, done.stdout + (done.stderr if status else ""))
