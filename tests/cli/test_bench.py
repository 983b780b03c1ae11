"""`python -m bench_pipeline bench` with the real engine and model: killed, from there to the page,
again, and interrupted."""

import os
import re
import signal
import subprocess
from pathlib import Path

import dagster as dg
import psutil
import pytest

from bench_pipeline.engines.llama_cpp.installed import InstalledEngine
from bench_pipeline.paths import Project
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.yaml.files import read_run
from tests.checkouts import (
    as_on_a_new_machine,
    bare_environment,
    copy_checkout,
    run_in,
    with_model,
    with_rules,
    with_tiny_workloads,
    without_measured_runs,
)
from tests.conftest import SMALL_MODEL
from tests.engines.conftest import is_gone
from tests.published import unpacked
from tests.waiting import PATIENCE_S, requests_begun, wait_until

BENCH = ("python", "-m", "bench_pipeline", "bench")


@pytest.fixture
def clone(tmp_path: Path, engine: InstalledEngine, small_model: tuple[ModelFile, Path]) -> Path:
    return a_clone(tmp_path / "clone", small_model[0])


def a_clone(folder: Path, model: ModelFile) -> Path:
    """A checkout with few runs, tiny workloads of one wave and a curve of one point; engine and
    models lie in the cache already. No run here waits for a busy machine to become quiet."""
    copy = without_measured_runs(as_on_a_new_machine(copy_checkout(folder)))
    with_model(Project(copy), model)
    with_rules(copy, curve_depths="(32,)", curve_output_tokens="8", quiet_patience_s="0")
    with_rules(copy, min_waves="1", max_waves="1")
    return with_tiny_workloads(copy, tokens=12)


@pytest.fixture(scope="module")
def killed(
    tmp_path_factory: pytest.TempPathFactory,
    engine: InstalledEngine,
    whole_model: tuple[ModelFile, Path],
    small_model: tuple[ModelFile, Path],
) -> Path:
    """A clone whose first benchmark was killed in the middle of an answer. That of its second is
    the real model, whole."""
    clone = a_clone(tmp_path_factory.mktemp("killed") / "clone", small_model[0])
    bench = started(clone)
    server = its_server(bench, clone)
    os.kill(bench.pid, signal.SIGKILL)
    bench.communicate(timeout=PATIENCE_S)
    wait_until(lambda: is_gone(server.pid), "the server's end")
    return clone


def runs_in(clone: Path) -> set[Path]:
    folder = clone / "content" / "benchmarks" / "runs"
    return {path for path in folder.rglob("*.yaml") if not path.name.startswith("published-")}


def started(clone: Path) -> subprocess.Popen[str]:
    """A benchmark in the background, with output enough for a minute."""
    with_tiny_workloads(clone, tokens=1000)
    return subprocess.Popen(
        (*BENCH, "--model", SMALL_MODEL),
        cwd=clone,
        env=bare_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def recorded(clone: Path) -> list[dg.DagsterRun]:
    """Dagster's runs, the newest first."""
    with dg.DagsterInstance.from_config(str(Project(clone).dagster_home)) as instance:
        return list(instance.get_runs())


def its_server(bench: subprocess.Popen[str], clone: Path) -> psutil.Process:
    """llama-server below `bench`, in the middle of an answer."""
    runs = Project(clone).runs
    wait_until(lambda: requests_begun(runs) or bench.poll() is not None, "a request")
    assert bench.poll() is None, bench.communicate()
    below = psutil.Process(bench.pid).children(recursive=True)
    (server,) = (process for process in below if process.name() == "llama-server")
    return server


def test_killed_it_leaves_no_server_and_no_half_file(killed: Path) -> None:
    assert runs_in(killed) == set()
    leftovers = [p.name for p in killed.rglob(".*.yaml.*")]
    assert leftovers == []


def test_after_that_it_goes_all_the_way_to_the_page_and_measures_nothing_twice(
    killed: Path,
) -> None:
    with_tiny_workloads(killed, tokens=12)
    first = run_in(killed, *BENCH)
    assert first.returncode == 0, first.stderr
    assert "Traceback" not in first.stderr
    assert "dagster" not in first.stderr.lower()
    (path,) = runs_in(killed)
    run = read_run(path)
    assert (run.status, run.backend, run.profile) == ("ok", "cpu", "quick")
    assert {(cell.workload, cell.concurrency) for cell in run.cells} == {
        (workload, streams) for workload in ("short", "shorter") for streams in (1, 4)
    }
    assert "SmolLM2 135M-Instruct Q4_1 on b" in first.stdout
    assert len(re.findall(r"^short(?:er)? +[14] +\d+\.\d ", first.stdout, re.M)) == 4
    assert f"Run file   {path.relative_to(killed)}" in first.stdout
    assert f"Page       {killed / 'site_out' / 'index.html'}" in first.stdout
    assert "make ui" in first.stdout
    table = unpacked(killed / "site_out" / "data" / "measurements.csv.gz")
    assert table.count(run.run_id) == len(run.cells)

    second = run_in(killed, *BENCH)
    assert second.returncode == 0, second.stderr
    assert "Already measured, on " in second.stdout
    assert len(re.findall(r"^short(?:er)? +[14] +\d+\.\d ", second.stdout, re.M)) == 4
    assert f"Run file   {path.relative_to(killed)}" in second.stdout
    assert "AGAIN=1" in second.stdout
    assert "provisional" in second.stdout
    assert runs_in(killed) == {path}


def test_ctrl_c_stops_the_server_and_writes_nothing(clone: Path) -> None:
    bench = started(clone)
    server = its_server(bench, clone)
    bench.send_signal(signal.SIGINT)
    _, stderr = bench.communicate(timeout=PATIENCE_S)
    assert bench.returncode == 130
    assert "Traceback" not in stderr
    assert stderr.strip().splitlines()[-1].startswith("interrupted: ")
    wait_until(lambda: is_gone(server.pid), "the server's end")
    assert runs_in(clone) == set()
    newest = recorded(clone)[0]
    assert newest.status is dg.DagsterRunStatus.CANCELED
    assert newest.remote_job_origin is not None, "else the timeline does not show it"
    assert newest.remote_job_origin.location_name == "bench_pipeline.definitions"
    assert newest.remote_job_origin.job_name == newest.job_name == "measure"


def test_a_server_that_dies_is_a_result_and_the_command_says_so(clone: Path) -> None:
    bench = started(clone)
    its_server(bench, clone).kill()
    stdout, stderr = bench.communicate(timeout=PATIENCE_S)
    assert bench.returncode == 1
    (path,) = runs_in(clone)
    run = read_run(path)
    assert run.status == "failed"
    assert run.failure is not None and run.failure.kind == "crash"
    assert f"error: check runs_succeeded: {path.name}" in stderr.replace(
        f"{path.parent.relative_to(clone / 'content' / 'benchmarks' / 'runs')}/", ""
    )
    assert "Traceback" not in stderr
    assert "crashed" in stdout
    assert run.run_id in unpacked(clone / "site_out" / "data" / "measurements.csv.gz")
