"""`python -m bench_pipeline bench` with the real engine and model: from nothing to the page,
again, interrupted, and killed."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from bench_pipeline.engines.llama_cpp.installed import InstalledEngine
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.yaml.files import read_run
from tests.checkouts import (
    as_on_a_new_machine,
    bare_environment,
    copy_checkout,
    run_in,
    with_tiny_workloads,
)

BENCH = ("python", "-m", "bench_pipeline", "bench")
PATIENCE_S = 240
"""Another test may hold the rig; a run here takes seconds."""


@pytest.fixture
def clone(tmp_path: Path, engine: InstalledEngine, small_model: tuple[ModelFile, Path]) -> Path:
    """A checkout with tiny workloads; engine and model lie in the cache already."""
    copy = as_on_a_new_machine(copy_checkout(tmp_path / "clone"))
    return with_tiny_workloads(copy, tokens=12)


def runs_in(clone: Path) -> set[Path]:
    folder = clone / "content" / "benchmarks" / "runs"
    return {path for path in folder.rglob("*.yaml") if not path.name.startswith("published-")}


def started(clone: Path) -> subprocess.Popen[str]:
    """A benchmark in the background, with output enough for minutes."""
    with_tiny_workloads(clone, tokens=1000)
    return subprocess.Popen(
        BENCH,
        cwd=clone,
        env=bare_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def its_server(bench: subprocess.Popen[str]) -> psutil.Process:
    """llama-server below `bench`, once it answers requests (it has used CPU for a while)."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and bench.poll() is None:
        for process in psutil.Process(bench.pid).children(recursive=True):
            try:
                if process.name() == "llama-server" and process.cpu_times().user > 2:
                    return process
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.2)
    raise AssertionError(f"no server came: {bench.communicate(timeout=10)}")


def is_gone(process: psutil.Process) -> bool:
    try:
        process.wait(timeout=20)
    except psutil.TimeoutExpired:
        return process.status() == psutil.STATUS_ZOMBIE
    return True


def test_from_nothing_to_the_page_and_nothing_twice(clone: Path) -> None:
    before = runs_in(clone)
    first = run_in(clone, *BENCH)
    assert first.returncode == 0, first.stderr
    assert "Traceback" not in first.stderr
    assert "dagster" not in first.stderr.lower()
    (path,) = runs_in(clone) - before
    run = read_run(path)
    assert (run.status, run.backend, run.profile) == ("ok", "cpu", "quick")
    assert {(cell.workload, cell.concurrency) for cell in run.cells} == {
        (workload, streams) for workload in ("short", "shorter") for streams in (1, 4)
    }
    assert "SmolLM2 135M-Instruct Q4_1 on b" in first.stdout
    assert len(re.findall(r"^short(?:er)? +[14] +\d+\.\d ", first.stdout, re.M)) == 4
    assert f"Run file   {path.relative_to(clone)}" in first.stdout
    assert f"Page       {clone / 'site_out' / 'index.html'}" in first.stdout
    assert "make ui" in first.stdout
    table = (clone / "site_out" / "data" / "measurements.csv").read_text()
    assert table.count(run.run_id) == len(run.cells)

    second = run_in(clone, *BENCH)
    assert second.returncode == 0, second.stderr
    assert "Already measured, nothing to do." in second.stdout
    assert runs_in(clone) - before == {path}


def test_ctrl_c_stops_the_server_and_writes_nothing(clone: Path) -> None:
    before = runs_in(clone)
    bench = started(clone)
    server = its_server(bench)
    bench.send_signal(signal.SIGINT)
    _, stderr = bench.communicate(timeout=60)
    assert bench.returncode == 130
    assert "Traceback" not in stderr
    assert stderr.strip().splitlines()[-1].startswith("interrupted: ")
    assert is_gone(server)
    assert runs_in(clone) == before


def test_killed_it_leaves_no_server_and_no_half_file_and_goes_on_later(clone: Path) -> None:
    before = runs_in(clone)
    bench = started(clone)
    server = its_server(bench)
    os.kill(bench.pid, signal.SIGKILL)
    bench.communicate(timeout=60)
    assert is_gone(server)
    assert runs_in(clone) == before
    leftovers = [p.name for p in clone.rglob(".*.yaml.*")]
    assert leftovers == []

    with_tiny_workloads(clone, tokens=12)
    again = run_in(clone, *BENCH)
    assert again.returncode == 0, again.stderr
    assert len(runs_in(clone) - before) == 1


def test_a_server_that_dies_is_a_result_and_the_command_says_so(clone: Path) -> None:
    before = runs_in(clone)
    bench = started(clone)
    its_server(bench).kill()
    stdout, stderr = bench.communicate(timeout=120)
    assert bench.returncode == 1
    (path,) = runs_in(clone) - before
    run = read_run(path)
    assert run.status == "failed"
    assert run.failure is not None and run.failure.kind == "crash"
    assert f"error: check runs_succeeded: {path.name}" in stderr.replace(
        f"{path.parent.relative_to(clone / 'content' / 'benchmarks' / 'runs')}/", ""
    )
    assert "Traceback" not in stderr
    assert "crashed" in stdout
    assert run.run_id in (clone / "site_out" / "data" / "measurements.csv").read_text()
