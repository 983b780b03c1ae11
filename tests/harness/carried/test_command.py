"""`bench-rig` from a plan file to run files at home: a real run of a real engine."""

import os
import shutil
import signal
import subprocess
import threading
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from bench_pipeline.cli.sharing import receiving
from bench_pipeline.harness.carried.command import end_with, ended_as_by_ctrl_c, main
from bench_pipeline.harness.planning.plan_file import plan_of
from bench_pipeline.harness.planning.profiles import PROFILES
from bench_pipeline.paths import Project, artefact_cache
from bench_pipeline.records.yaml.files import dump_record, run_files
from tests.checkouts import with_model
from tests.harness.conftest import with_short_workloads
from tests.waiting import PATIENCE_S


def receive(project: Project, *paths: Path, declare: bool = False) -> int:
    from argparse import Namespace

    return receiving.run(project, Namespace(paths=[*paths], declare=declare, from_others=False))


@pytest.fixture
def control(tmp_path: Path, small_model) -> Project:
    """A control plane that knows the small model, whose source no other machine has."""
    project = with_short_workloads(tmp_path / "control")
    with_model(project, small_model[0])
    return project


def test_a_plan_goes_out_and_its_runs_come_home_once(
    control: Project, item, small_model, tmp_path: Path, monkeypatch, capfd
):
    rules = replace(PROFILES["quick"], curve_depths=(48,), curve_output_tokens=8)
    monkeypatch.setitem(PROFILES, "quick", rules)
    wanted = replace(item, rig="tin", concurrencies=(1,))
    absent = replace(wanted, build="b1")
    plan = tmp_path / "tin.yaml"
    plan.write_text(dump_record(plan_of(control, "tin", [absent, wanted])))
    carried = tmp_path / "carried"
    carried.mkdir()
    (carried / "engines").symlink_to(artefact_cache() / "engines")
    shutil.copy(small_model[1], carried)
    before = signal.getsignal(signal.SIGTERM)

    assert main([str(plan), "--files", str(carried)]) == 1
    told = capfd.readouterr().err
    assert "1 made, 0 there before, 0 of these failed, 1 could not be made" in told
    assert "not made: " in told and "b1" in told and "mend: " in told
    assert signal.getsignal(signal.SIGTERM) == before
    out = tmp_path / "tin-runs"
    (made,) = run_files(out / "content/benchmarks/runs")
    logs = sorted(made.parent.glob("*.server.log"))
    assert logs and all(log.name.startswith(made.stem) for log in logs)
    listed = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=out, capture_output=True)
    assert listed.returncode == 0
    assert len(listed.stdout.splitlines()) == len(logs) + 2  # the run's and the rig's file

    plan.write_text(dump_record(plan_of(control, "tin", [wanted])))
    assert main([str(plan), "--files", str(carried)]) == 0
    assert "0 made, 1 there before" in capfd.readouterr().err
    assert list(run_files(out / "content/benchmarks/runs")) == [made]

    home = tmp_path / "home"
    out.rename(home)
    assert receive(control, home) == 1
    assert "--declare takes that in too" in capfd.readouterr().err
    assert list(run_files(control.runs)) == []
    assert receive(control, home, declare=True) == 0
    (taken,) = run_files(control.runs)
    came = home / "content/benchmarks/runs" / taken.relative_to(control.runs)
    assert taken.read_bytes() == came.read_bytes()
    assert len(list(taken.parent.glob("*.server.log"))) == len(logs)
    assert receive(control, home) == 0
    assert "1 here already" in capfd.readouterr().out
    assert list(run_files(control.runs)) == [taken]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("plan_version: 2\n", "plan_version"),
        ("- x\n", "holds no mapping"),
        (None, "no such file"),
    ],
)
def test_what_is_no_plan_is_told_and_nothing_begins(tmp_path: Path, capfd, text, told: str):
    plan = tmp_path / "plan.yaml"
    if text is not None:
        plan.write_text(text)
    assert main([str(plan)]) == 1
    error = capfd.readouterr().err
    assert error.startswith("error: ") and told in error and "mend: " in error
    assert not (tmp_path / "plan-runs").exists()


def test_a_lost_terminal_ends_it_as_ctrl_c_does_unless_nohup_says_otherwise():
    before = signal.getsignal(signal.SIGHUP)
    try:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        with pytest.raises(KeyboardInterrupt), ended_as_by_ctrl_c():
            signal.raise_signal(signal.SIGHUP)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with ended_as_by_ctrl_c():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_dropped_connection_ends_it_as_ctrl_c_does():
    reading, writing = os.pipe()
    with pytest.raises(KeyboardInterrupt), ended_as_by_ctrl_c():
        end_with(reading)
        os.write(writing, b"whatever is typed")
        os.close(writing)
        threading.Event().wait(PATIENCE_S)
    os.close(reading)


def test_a_connection_that_is_silent_for_too_long_ends_it_as_a_dropped_one_does():
    reading, writing = os.pipe()
    with pytest.raises(KeyboardInterrupt), ended_as_by_ctrl_c():
        os.write(writing, b"a sign")
        end_with(reading, silent_s=0.01)
        threading.Event().wait(PATIENCE_S)
    os.close(reading)
    os.close(writing)


def test_the_light_install_has_it_as_a_command_of_its_own():
    (script,) = entry_points(group="console_scripts", name="bench-rig")
    assert script.load() is main
