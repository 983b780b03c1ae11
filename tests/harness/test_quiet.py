"""Waiting for a quiet rig: what is waited for, and what comes of it."""

import os
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest

from bench_pipeline.errors import RigError
from bench_pipeline.harness import quiet
from bench_pipeline.harness.quiet import busy_limit, wait_until_quiet
from bench_pipeline.progress import Silent
from tests.harness.telemetry.card import STRANGER, Clock, live_card, process
from tests.inventory.cards import Nvml


class Heard(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def nvml() -> Nvml:
    return live_card(Clock())


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """The processors' load at each look, the last one for ever: this machine's own is noise. A look
    takes as long as it is to take, also where this process gets its turn late."""
    loads: list[float | None] = [0.0]
    passed_s = [0.0]
    clock = SimpleNamespace(monotonic=lambda: sum(passed_s), sleep=passed_s.append)
    monkeypatch.setattr(quiet, "time", clock)

    class Scripted:
        def __init__(self, ours: object) -> None:
            pass

        def fraction(self) -> float | None:
            return loads.pop(0) if len(loads) > 1 else loads[0]

    monkeypatch.setattr(quiet, "OthersCpu", Scripted)
    return loads


def look(backend, heard, nvml, tmp_path, patience_s=0.1):
    return wait_until_quiet(
        backend, heard, patience_s=patience_s, look_s=0.01, root=tmp_path, nvml=nvml
    )


def test_a_quiet_rig_is_measured_at_once(busy, heard, nvml, tmp_path):
    load = look("cuda", heard, nvml, tmp_path, patience_s=60)
    assert (load.quiet, load.foreign_gpu_processes, heard.lines) == (True, 0, [])
    assert nvml.users == 0


def test_a_rig_that_becomes_quiet_was_waited_for_with_one_line(busy, heard, nvml, tmp_path):
    busy[:] = [0.9, 0.8, 0.9, 0.02]
    load = look("cpu", heard, nvml, tmp_path, patience_s=60)
    assert (load.quiet, load.cpu_busy_fraction) == (True, 0.02)
    assert load.waited_s > 0
    (line,) = heard.lines
    assert line.startswith("Waiting up to 60 s: other programs use 90% of the processors")


def test_a_rig_that_stays_busy_is_marked(busy, heard, nvml, tmp_path):
    busy[:] = [0.5]
    load = look("cpu", heard, nvml, tmp_path)
    assert (load.quiet, load.cpu_busy_fraction) == (False, 0.5)
    assert load.waited_s >= 0.1
    assert heard.lines[-1].startswith("Measuring all the same, and marking the run")


def test_without_patience_nothing_is_waited_for(busy, heard, nvml, tmp_path):
    busy[:] = [0.5]
    assert look("cpu", heard, nvml, tmp_path, patience_s=0).quiet is False
    assert not any("Waiting" in line for line in heard.lines)


def test_a_gpu_run_bears_more_beside_it_than_a_cpu_run(busy, heard, nvml, tmp_path):
    busy[:] = [(busy_limit("cpu") + busy_limit("cuda")) / 2]
    assert look("cuda", heard, nvml, tmp_path).quiet is True
    assert look("cpu", heard, nvml, tmp_path).quiet is False


def test_a_foreign_gpu_process_is_refused_by_name(busy, heard, nvml, tmp_path):
    parent = psutil.Process(os.getppid())
    nvml.answers["nvmlDeviceGetComputeRunningProcesses"] = [process(parent.pid)]
    with pytest.raises(RigError) as caught:
        look("cuda", heard, nvml, tmp_path)
    assert f"pid {parent.pid} ({parent.name()}) computes on the GPU" in caught.value.problem
    assert "stop it" in caught.value.mend
    assert heard.lines[0].startswith(f"Waiting up to 0 s: pid {parent.pid} ({parent.name()})")
    assert nvml.users == 0


def test_a_gpu_process_that_ends_in_time_is_waited_for(busy, heard, nvml, tmp_path):
    looks = iter([[process(STRANGER)]] * 4)

    def computing() -> list[object]:
        return next(looks, [])

    nvml.answers["nvmlDeviceGetComputeRunningProcesses"] = computing
    load = look("cuda", heard, nvml, tmp_path, patience_s=60)
    assert load.quiet is True
    assert len(heard.lines) == 1


def test_on_the_cpu_a_gpu_process_does_not_matter(busy, heard, nvml, tmp_path):
    nvml.answers["nvmlDeviceGetComputeRunningProcesses"] = [process(STRANGER)]
    assert look("cpu", heard, nvml, tmp_path).quiet is True


def test_what_we_started_ourselves_is_not_waited_for(heard, nvml, tmp_path):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        nvml.answers["nvmlDeviceGetComputeRunningProcesses"] = [process(child.pid)]
        look("cuda", heard, nvml, tmp_path, patience_s=0)  # else it were refused
        child.communicate(b"\n")


def test_a_stranger_on_a_card_that_is_not_used_is_counted_and_not_waited_for(
    busy, heard, nvml, tmp_path
):
    nvml.answers["nvmlDeviceGetComputeRunningProcesses"] = [process(STRANGER, 700)]
    load = wait_until_quiet(
        "cuda",
        heard,
        names={"0000:77:00.0": "CUDA3"},
        patience_s=0.1,
        look_s=0.01,
        root=tmp_path,
        nvml=nvml,
    )
    assert (load.quiet, load.foreign_gpu_processes, load.processes_on_other_gpus) == (True, 0, 1)
    assert heard.lines == []


def test_a_stranger_on_a_card_of_the_run_is_refused(busy, heard, nvml, tmp_path):
    nvml.answers["nvmlDeviceGetComputeRunningProcesses"] = [process(STRANGER, 700)]
    for names in ({"0000:0a:00.0": "CUDA0"}, {}, None):
        with pytest.raises(RigError, match=str(STRANGER)):
            wait_until_quiet(
                "cuda",
                heard,
                names=names,
                patience_s=0.1,
                look_s=0.01,
                root=tmp_path,
                nvml=nvml,
            )
