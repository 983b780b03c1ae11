"""`python -m bench_pipeline bench` with the real engine and model: killed, from there to the page,
again, and with a server that dies; `test_two_users` interrupts it."""

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench_pipeline.records.yaml.files import read_run
from tests.cli.benching import its_server, runs_in, started, without_its_runs
from tests.published import unpacked
from tests.waiting import PATIENCE_S


@pytest.fixture
def clone(benched: SimpleNamespace, tmp_path: Path) -> Path:
    """One whose page is there and whose runs are not: little of it is to be made anew."""
    copy = shutil.copytree(benched.clone, tmp_path / "clone", symlinks=True)
    return without_its_runs(copy)


def test_killed_it_leaves_no_server_and_no_half_file(benched: SimpleNamespace) -> None:
    assert benched.said["left by the killed one"] == []


def test_after_that_it_goes_all_the_way_to_the_page(benched: SimpleNamespace) -> None:
    clone, first = benched.clone, benched.said["first"]
    assert "Traceback" not in first["stderr"]
    assert "dagster" not in first["stderr"].lower()
    (path,) = runs_in(clone)
    run = read_run(path)
    assert (run.status, run.backend, run.profile) == ("ok", "cpu", "quick")
    assert {(cell.workload, cell.concurrency) for cell in run.cells} == {
        (workload, streams) for workload in ("short", "shorter") for streams in (1, 4)
    }
    assert "SmolLM2 135M-Instruct, cut Q4_1 on b" in first["stdout"]
    assert len(re.findall(r"^short(?:er)? +[14] +\d+\.\d ", first["stdout"], re.M)) == 4
    assert f"Run file   {path.relative_to(clone)}" in first["stdout"]
    assert f"Page       {clone / 'site_out' / 'index.html'}" in first["stdout"]
    assert "make ui" in first["stdout"]
    table = unpacked(clone / "site_out" / "data" / "measurements.csv.gz")
    assert table.count(run.run_id) == len(run.cells)


def test_again_it_shows_what_is_there_and_measures_nothing_twice(benched: SimpleNamespace) -> None:
    second = benched.said["second"]["stdout"]
    assert "Already measured, on " in second
    assert len(re.findall(r"^short(?:er)? +[14] +\d+\.\d ", second, re.M)) == 4
    (path,) = benched.said["runs after the first"]
    assert f"Run file   {Path(path).relative_to(benched.clone)}" in second
    assert "AGAIN=1" in second
    assert "provisional" in second
    assert benched.said["runs after the second"] == [path]


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
