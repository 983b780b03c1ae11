"""However a benchmark ends, no llama-server is left: real processes, real signals."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from bench_pipeline.engines import guard
from bench_pipeline.records.rig import BackendSetup
from tests.engines.conftest import is_gone
from tests.waiting import PATIENCE_S, wait_until

OWNER = """
import pickle, sys, time
from pathlib import Path
from bench_pipeline.engines.llama_cpp.server import LlamaServer
arguments = pickle.loads(Path(sys.argv[1]).read_bytes())
engine = arguments.pop("engine")
with LlamaServer(engine, **arguments) as server:
    print(server.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def owner(engine, small_model, tmp_path):
    """A process that has started a server and waits; it, its server's pid, and the log."""
    log = tmp_path / "server.log"
    arguments = {
        "engine": engine,
        "model": small_model[1],
        "backend": "cpu",
        "setup": BackendSetup(),
        "threads": 1,
        "slots": 1,
        "context_tokens_per_slot": 256,
        "log_path": log,
        "load_timeout_s": PATIENCE_S,
    }
    pickled = tmp_path / "arguments"
    pickled.write_bytes(pickle.dumps(arguments))
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(pickled)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield process, int(process.stdout.readline()), log
    process.kill()
    process.communicate()


def wait_for_the_end(*pids: int) -> None:
    wait_until(lambda: all(is_gone(pid) for pid in pids), f"the end of {pids}")


def guard_of(pid: int) -> psutil.Process:
    return psutil.Process(pid).parent()


def stopped_in_order(log: Path) -> bool:
    return "cleaning up before exit" in log.read_text()


def test_kill_9_of_the_benchmark_ends_the_server_and_its_guard(owner):
    process, pid, _ = owner
    watcher = guard_of(pid).pid
    process.kill()
    wait_for_the_end(pid, watcher)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_kill_9_of_the_guard_ends_the_server(owner):
    _, pid, _ = owner
    guard_of(pid).kill()
    wait_for_the_end(pid)


def test_ctrl_c_stops_the_server_in_order(owner):
    process, pid, log = owner
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole foreground group
    process.wait(PATIENCE_S)
    assert is_gone(pid), "stop() returns when the server is gone"
    assert stopped_in_order(log)


def test_sigterm_of_the_benchmark_ends_the_server(owner):
    process, pid, _ = owner
    process.terminate()
    wait_for_the_end(pid)


def test_sigterm_of_the_guard_stops_the_server_in_order(owner):
    _, pid, log = owner
    guard_of(pid).terminate()
    wait_for_the_end(pid)
    assert stopped_in_order(log)


@pytest.mark.parametrize("way", ["stop", "end"])
def test_a_server_that_ignores_sigterm_is_killed_with_all_it_started(way, tmp_path):
    """The guard with a stubborn command in the server's place, asked to stop, or orphaned."""
    pids = tmp_path / "pids"
    stubborn = f"trap '' TERM; sleep 600 & echo $$ $! > {pids}; while :; do sleep 1; done"
    grace_s = "0.2"  # however long it is, this command lets it pass
    command = [str(os.getpid()), str(tmp_path / "log"), grace_s, "1000000"]
    command += ["/bin/sh", "-c", stubborn]
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", guard.__file__, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 2, "the command")
    if way == "stop":
        process.stdin.write(b"stop\n")
        process.stdin.flush()
        process.wait(PATIENCE_S)
    output, _ = process.communicate()
    assert b'{"exit": -9}' in output
    wait_for_the_end(*map(int, pids.read_text().split()))


def test_the_guard_does_not_depend_on_the_thread_that_started_it(start):
    """The kernel's parent-death signal comes at the end of a thread: a server of a pool's
    thread must outlive that thread."""
    opened = start()
    servers = []
    thread = threading.Thread(target=lambda: servers.append(opened.__enter__()))
    thread.start()
    thread.join()
    time.sleep(0.5)
    assert servers[0].alive()
    opened.__exit__(None, None, None)
    assert not servers[0].alive()
