"""NVIDIA cards through NVML: a stand-in for the library, as no such card is needed to test.

That a real driver answers so, the committed run of the H100 proves.
"""

import os
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pynvml
import pytest

from bench_pipeline.harness.telemetry.device import Device
from bench_pipeline.harness.telemetry.nvidia import nvidia_gpus
from bench_pipeline.harness.telemetry.window import summary
from tests.harness.telemetry.card import LOST, SERVER, STRANGER, WATTS, drive, process
from tests.inventory.cards import NOT_SUPPORTED


@pytest.fixture
def gpu(nvml):
    (gpu,) = nvidia_gpus(nvml)
    return gpu


def over_all(device):
    return summary(device, device.samples, device.interval_s)


def test_all_is_read_in_our_units(gpu):
    reading = gpu.read(None)
    assert (gpu.name, gpu.key, gpu.total_mib) == ("CUDA0", "0000:0a:00.0", 81559)
    assert (reading.used_mib, reading.energy_j, reading.power_w) == (480, 7000, WATTS)
    assert (reading.core_clock_mhz, reading.temperature_c) == (1980, 38)
    assert reading.throttle == frozenset()  # idle holds nothing back


def test_a_card_that_only_averages_its_power_is_read_so(nvml):
    nvml.answers["nvmlDeviceGetFieldValues"] = NOT_SUPPORTED
    nvml.answers["nvmlDeviceGetPowerUsage"] = 70_000
    (gpu,) = nvidia_gpus(nvml)
    assert gpu.power_w() == 70


def test_a_card_is_sampled_as_often_as_its_driver_renews_the_power(gpu, clock):
    device = Device(gpu)
    drive(device, clock, 3.0)
    assert device.renewal_s == device.interval_s == pytest.approx(0.1)
    assert Device(gpu).renewal_s == device.renewal_s  # known from now on


def test_ten_seconds_of_a_steady_card_are_its_power_times_ten(gpu, clock):
    device = Device(gpu, interval_s=0.1)
    drive(device, clock, 10.0)
    found = over_all(device)
    assert found.complete
    assert (found.energy_j, found.energy_from) == (pytest.approx(10 * WATTS), "counter")


@pytest.mark.parametrize(
    ("bits", "reasons"),
    [
        (pynvml.nvmlClocksEventReasonSwPowerCap, ["power-cap"]),
        (pynvml.nvmlClocksEventReasonHwThermalSlowdown, ["thermal-hardware"]),
        (pynvml.nvmlClocksEventReasonApplicationsClocksSetting, []),
    ],
)
def test_throttling_in_the_midst_is_told(gpu, nvml, clock, bits, reasons):
    device = Device(gpu, interval_s=0.1)

    def throttle(bits):
        return lambda: nvml.answers.update(nvmlDeviceGetCurrentClocksEventReasons=bits)

    drive(device, clock, 2.0, at={1.0: throttle(bits), 1.2: throttle(0)})
    found = over_all(device)
    assert (found.throttle_reasons, found.complete) == (reasons, True)


def test_a_card_lost_in_the_midst_leaves_no_energy(gpu, nvml, clock):
    device = Device(gpu, interval_s=0.1)

    def vanish():
        nvml.answers.update(dict.fromkeys(nvml.answers, LOST))

    drive(device, clock, 4.0, at={2.0: vanish})
    found = over_all(device)
    assert (found.complete, found.energy_j) == (False, None)
    assert found.power_mean_w == pytest.approx(WATTS, rel=0.001)  # of what was still read


def test_one_call_that_fails_once_is_noticed(gpu, nvml, clock):
    device = Device(gpu, interval_s=0.1)
    energy = dict.__getitem__(nvml.answers, "nvmlDeviceGetTotalEnergyConsumption")
    drive(
        device,
        clock,
        2.0,
        at={
            1.0: lambda: nvml.answers.update(nvmlDeviceGetTotalEnergyConsumption=LOST),
            1.1: lambda: nvml.answers.update(nvmlDeviceGetTotalEnergyConsumption=energy),
        },
    )
    found = over_all(device)
    assert (found.complete, found.energy_j) == (False, None)


def test_a_driver_that_was_reloaded_in_the_midst_leaves_no_energy(gpu, nvml, clock):
    device = Device(gpu, interval_s=0.1)
    drive(
        device,
        clock,
        2.0,
        at={1.0: lambda: nvml.answers.update(nvmlDeviceGetTotalEnergyConsumption=12)},
    )
    assert (over_all(device).complete, over_all(device).energy_j) == (False, None)


def test_a_gpu_that_cannot_be_reached_is_no_source_and_the_library_is_let_go(nvml):
    nvml.nvmlDeviceGetHandleByIndex = lambda index: (_ for _ in ()).throw(LOST)
    assert nvidia_gpus(nvml) == []
    assert nvml.users == 0


def test_a_machine_without_the_driver_has_none(nvml):
    nvml.answers["nvmlInit"] = pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
    assert nvidia_gpus(nvml) == []


def test_closing_lets_the_library_go(gpu, nvml):
    assert nvml.users == 1
    gpu.close()
    assert nvml.users == 0


def test_the_server_is_no_stranger_and_its_memory_is_ours(gpu, nvml):
    nvml.answers["nvmlDeviceGetComputeRunningProcesses"] = [process(SERVER), process(STRANGER, 9)]
    reading = gpu.read(SERVER)
    assert (reading.ours_mib, reading.strangers) == (810, {STRANGER})


def test_what_we_started_is_no_stranger(gpu, nvml):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        nvml.answers["nvmlDeviceGetComputeRunningProcesses"] = [
            process(child.pid),
            process(os.getpid()),
            process(os.getppid()),
        ]
        assert gpu.read(None).strangers == {os.getppid()}
        child.communicate(b"\n")


def test_a_program_that_draws_is_no_stranger(gpu, nvml):
    nvml.answers["nvmlDeviceGetComputeRunningProcesses"] = [process(SERVER), process(STRANGER)]
    assert gpu.read(SERVER).strangers == {STRANGER}
    nvml.answers["nvmlDeviceGetGraphicsRunningProcesses"] = [process(STRANGER)]
    assert gpu.read(SERVER).strangers == frozenset()


def test_a_vulkan_server_stands_among_the_programs_that_draw(gpu, nvml):
    nvml.answers["nvmlDeviceGetGraphicsRunningProcesses"] = [process(SERVER, 700)]
    assert gpu.read(SERVER).ours_mib == 700


def test_in_a_container_the_server_goes_by_the_hosts_number(nvml):
    nvml.answers["nvmlDeviceGetComputeRunningProcesses"] = [process(STRANGER, 9)]
    (gpu,) = nvidia_gpus(nvml)
    nvml.answers["nvmlDeviceGetComputeRunningProcesses"] = [process(STRANGER, 9), process(SERVER)]
    reading = gpu.read(os.getpid())
    assert (reading.ours_mib, reading.strangers) == (810, {STRANGER})


def test_a_driver_that_knows_only_the_older_question_is_asked_that(nvml):
    old = pynvml.NVMLError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
    nvml.answers["nvmlDeviceGetCurrentClocksEventReasons"] = old
    power_brake = pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown
    nvml.answers["nvmlDeviceGetCurrentClocksThrottleReasons"] = power_brake
    (gpu,) = nvidia_gpus(nvml)
    assert gpu.read(None).throttle == frozenset({"power-brake"})


def test_what_no_question_tells_is_unknown_and_not_none_at_all(nvml, clock):
    nvml.answers["nvmlDeviceGetCurrentClocksEventReasons"] = NOT_SUPPORTED
    (gpu,) = nvidia_gpus(nvml)
    assert gpu.read(None).throttle is None
    device = Device(gpu, interval_s=0.1)
    drive(device, clock, 2.0)
    assert over_all(device).throttle_reasons is None


def test_of_a_card_that_is_divided_only_its_single_slice_s_memory_is_told(nvml):
    nvml.answers["nvmlDeviceGetMigMode"] = [1, 1]
    nvml.answers["nvmlDeviceGetMaxMigDeviceCount"] = 1
    nvml.answers["nvmlDeviceGetMigDeviceHandleByIndex"] = "slice"
    (gpu,) = nvidia_gpus(nvml)
    reading = gpu.read(None)
    assert (reading.power_w, reading.energy_j) == (None, None)
    assert reading.used_mib == 480
    nvml.answers["nvmlDeviceGetMaxMigDeviceCount"] = 2
    (of_several,) = nvidia_gpus(nvml)
    assert of_several.read(None).used_mib is None


@pytest.mark.parametrize("total", [None, 0], ids=["refused", "zero"])
def test_a_card_that_counts_no_memory_is_read_by_its_programs(nvml, total):
    nvml.answers["nvmlDeviceGetMemoryInfo"] = (
        NOT_SUPPORTED if total is None else SimpleNamespace(total=0, used=0)
    )
    nvml.answers["nvmlDeviceGetComputeRunningProcesses"] = [process(SERVER, 3000)]
    (gpu,) = nvidia_gpus(nvml)
    assert gpu.total_mib == pytest.approx(psutil.virtual_memory().total / 2**20)
    assert gpu.read(SERVER).used_mib == gpu.read(SERVER).ours_mib
    assert gpu.read(SERVER).used_mib > 0
