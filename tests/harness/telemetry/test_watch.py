"""The watch as a whole: its thread, its windows, and which devices it looks at."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime

import psutil
import pytest

from bench_pipeline.harness.telemetry import Watch, __main__, engine_names, programs
from bench_pipeline.harness.telemetry.processes import OthersCpu
from bench_pipeline.records.inventory import (
    Cpu,
    EngineDevice,
    Gpu,
    Inventory,
    Memory,
    OperatingSystem,
)
from tests.harness.telemetry.card import LOST, STRANGER, Clock, live_card, process
from tests.inventory.cards import NOT_SUPPORTED
from tests.waiting import wait_until


def sampled(watch, times):
    before = len(watch.computing[0].samples)
    wait_until(lambda: len(watch.computing[0].samples) >= before + times, "samples", look_s=0.005)


def test_the_hosts_memory_and_the_servers_share_of_it_are_read(tree):
    with Watch(backend="cpu", interval_s=0.02, root=tree({})) as watch:
        watch.server_pid = os.getpid()
        wait_until(lambda: len(watch.devices[0].samples) > 2, "samples")
        (host,) = watch.memory()
        assert watch.window().close() == []  # no power readings on this device
    assert host.device == "host"
    assert 0 < host.ours_loaded_mib <= host.ours_peak_mib < host.total_mib
    assert host.used_peak_mib >= host.used_loaded_mib > 0


def test_a_server_that_died_has_no_share(tree):
    with Watch(backend="cpu", root=tree({})) as watch:
        watch.server_pid = 4_000_009
        (host,) = watch.memory()
        window = watch.window()
        window.close()
    assert host.ours_loaded_mib is None
    assert window.others_cpu_fraction is None


def test_a_card_is_sampled_and_its_window_is_cut_out(nvml):
    with Watch(backend="cuda", interval_s=0.02, nvml=nvml) as watch:
        sampled(watch, 2)
        window = watch.window()
        sampled(watch, 3)
        (found,) = window.close()
        assert [memory.device for memory in watch.memory()] == ["host", "CUDA0"]
        assert watch.cpu_fraction > 0
    assert (found.device, found.interval_ms) == ("CUDA0", 20)
    assert 5 <= found.samples < len(watch.computing[0].samples) + 2
    assert nvml.users == 0


def test_a_foreign_process_seen_at_any_sample_of_the_window_is_named(nvml):
    with Watch(backend="cuda", interval_s=0.02, nvml=nvml) as watch:
        window = watch.window()
        nvml.answers["nvmlDeviceGetComputeRunningProcesses"] = [process(STRANGER)]
        sampled(watch, 2)
        nvml.answers["nvmlDeviceGetComputeRunningProcesses"] = []
        sampled(watch, 2)
        window.close()
        after = watch.window()
        after.close()
    assert window.foreign_gpu_processes == [STRANGER]
    assert after.foreign_gpu_processes == []


def test_a_library_that_fails_midway_leaves_the_thread_alive_and_the_window_incomplete(nvml):
    with Watch(backend="cuda", interval_s=0.02, nvml=nvml) as watch:
        window = watch.window()
        sampled(watch, 2)
        nvml.answers.update(dict.fromkeys(nvml.answers, LOST))
        sampled(watch, 3)
        (found,) = window.close()
        assert [memory.device for memory in watch.memory()] == ["host"]
    assert (found.complete, found.energy_j, found.energy_from) == (False, None, None)


def test_a_card_that_tells_neither_power_nor_energy_has_memory_only(nvml):
    for name in ("PowerUsage", "FieldValues", "TotalEnergyConsumption"):
        nvml.answers[f"nvmlDeviceGet{name}"] = NOT_SUPPORTED
    with Watch(backend="cuda", nvml=nvml) as watch:
        assert watch.window().close() == []
        assert [memory.device for memory in watch.memory()] == ["host", "CUDA0"]


def test_only_the_named_devices_are_watched_and_by_the_engines_names(nvml):
    with Watch(backend="vulkan", names={"0000:0a:00.0": "Vulkan1"}, nvml=nvml) as watch:
        assert [device.name for device in watch.computing] == ["Vulkan1"]
    with Watch(backend="cuda", names={"0000:0b:00.0": "CUDA1"}, nvml=nvml) as watch:
        assert watch.computing == []
    assert nvml.users == 0


@pytest.mark.parametrize("backend", ["cpu", "metal", "sycl"])
def test_a_gpu_is_of_no_concern_to_other_backends(backend, nvml, tree):
    with Watch(backend=backend, nvml=nvml, root=tree({})) as watch:
        assert watch.computing == []


def test_the_engines_names_are_found_by_the_cards_names():
    gpus = [
        Gpu(index=0, vendor="nvidia", name="NVIDIA RTX A", pcie_address="0000:01:00.0"),
        Gpu(index=1, vendor="nvidia", name="NVIDIA RTX A", pcie_address="0000:02:00.0"),
        Gpu(index=0, vendor="amd", name="AMD Radeon RX 7900 XTX", pcie_address="0000:03:00.0"),
    ]
    devices = [
        EngineDevice(id="CUDA0", name="NVIDIA RTX A"),
        EngineDevice(id="CUDA1", name="NVIDIA RTX A"),
        EngineDevice(id="Vulkan0", name="AMD Radeon RX 7900 XTX (RADV NAVI31)"),
        EngineDevice(id="Vulkan1", name="NVIDIA RTX A"),
    ]
    inventory = Inventory(
        captured_at=datetime.now(UTC),
        cpu=Cpu(model="c"),
        memory=Memory(total_mib=1),
        os=OperatingSystem(name="o"),
        gpus=gpus,
        engine_devices=devices,
    )
    assert engine_names(inventory, ["CUDA1"]) == {"0000:02:00.0": "CUDA1"}
    # Vulkan lists one of the two alike: which one, nothing says
    assert engine_names(inventory, ["Vulkan0", "Vulkan1"]) == {"0000:03:00.0": "Vulkan0"}
    assert engine_names(inventory, ["Vulkan7"]) == {}


def test_what_we_use_ourselves_is_not_others_use():
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as child:
        try:
            counted, uncounted = OthersCpu([os.getpid(), child.pid]), OthersCpu([os.getpid()])
            used = psutil.Process(child.pid).cpu_times
            wait_until(lambda: used().user > 0.5, "some of the processors' time")
            excluded, included = counted.fraction(), uncounted.fraction()
        finally:
            child.kill()
    assert 0 <= excluded < included <= 1


def test_programs_are_named_where_they_can_be():
    named = programs([os.getpid(), STRANGER])
    assert named.startswith(f"pid {os.getpid()} (")
    assert named.endswith(f"pid {STRANGER}")


class RunningClock(Clock):
    @property
    def now(self) -> float:
        return time.perf_counter()

    @now.setter
    def now(self, value: float) -> None:
        pass


def test_the_command_tells_what_it_finds(capsys):
    nvml = live_card(RunningClock())
    assert __main__.main(["--backend", "cuda", "--seconds", "0.5"], nvml=nvml) == 0
    shown = capsys.readouterr().out
    for found in (
        "CUDA0 (0000:0a:00.0): values renewed",
        "it tells: core_clock_mhz, energy_j, power_w, temperature_c",
        "power mean 300.0 W, max 300.0 W",
        "core clock min 1,980.0 MHz",
        "CUDA0: 480 MiB in use",
        "sampling costs",
        "other programs on the GPU: none seen",
    ):
        assert found in shown


def test_the_command_says_so_where_nothing_can_be_read(tree, capsys):
    assert __main__.main(["--backend", "cpu", "--seconds", "0.1"], root=tree({})) == 0
    assert "no device of backend cpu tells power or energy here" in capsys.readouterr().out


def test_once_the_cards_are_known_only_they_are_watched_by_the_engine_s_names(nvml):
    with Watch(backend="cuda", interval_s=0.02, nvml=nvml) as watch:
        watch.keep({"0000:0a:00.0": "CUDA5"})
        assert [memory.device for memory in watch.memory()] == ["host", "CUDA5"]
        watch.keep({"0000:77:00.0": "CUDA0"})
        assert watch.window().close() == []
        assert [memory.device for memory in watch.memory()] == ["host"]
    assert nvml.users == 0


def test_where_no_card_is_named_none_is_watched(nvml, tmp_path):
    with Watch(backend="cuda", names={}, interval_s=0.02, root=tmp_path, nvml=nvml) as watch:
        assert watch.computing == []
