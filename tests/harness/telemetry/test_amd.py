"""amdgpu's files while a card works, as the kernel documents them; not proven against a card."""

import struct

import pytest

from bench_pipeline.harness.telemetry.amd import amd_gpus
from bench_pipeline.harness.telemetry.device import Device
from bench_pipeline.harness.telemetry.sources import computing_devices
from bench_pipeline.harness.telemetry.window import summary
from tests.harness.telemetry.card import SERVER, STRANGER, drive
from tests.inventory.cards import ADDRESS, APU, CARD

WORKING = {
    "mem_info_vram_used": str(2000 * 2**20),
    "mem_info_gtt_used": str(50 * 2**20),
    "hwmon/hwmon4/power1_average": "220000000",
}
INPUT_ONLY = {
    "mem_info_vram_used": str(400 * 2**20),
    "mem_info_gtt_used": str(5000 * 2**20),
    "hwmon/hwmon6/freq1_input": "2900000000",
}


@pytest.fixture
def card(pci):
    return pci(ADDRESS, {**CARD, **WORKING})


def metrics(revision, at, word, size=300):
    table = bytearray(struct.pack("<HBB", size, *revision).ljust(size, b"\0"))
    struct.pack_into("<Q", table, at, word)
    return bytes(table)


def device_folder(root):
    return (root / "sys/bus/pci/devices" / ADDRESS).resolve()


def test_power_clock_temperature_and_memory_are_read_in_our_units(card):
    (gpu,) = amd_gpus(card)
    reading = gpu.read(None)
    assert (gpu.name, gpu.key, gpu.total_mib) == ("ROCm0", ADDRESS, 24560)
    assert (reading.power_w, reading.core_clock_mhz, reading.temperature_c) == (220, 1208, 47)
    assert reading.used_mib == 2000
    assert reading.energy_j is reading.ours_mib is None


def test_a_card_without_an_average_tells_its_momentary_power(pci):
    files = {**CARD, "hwmon/hwmon4/power1_input": "35000000"}
    (gpu,) = amd_gpus(pci(ADDRESS, files))
    assert gpu.power_w() == 35


def test_an_apus_memory_is_its_carve_out_and_what_it_maps(pci):
    (gpu,) = amd_gpus(pci("0000:c4:00.0", {**APU, **INPUT_ONLY}))
    assert gpu.unified
    assert (gpu.total_mib, gpu.read(None).used_mib) == (512 + 98304, 5400)
    assert gpu.read(None).core_clock_mhz == 2900


@pytest.mark.parametrize(("revision", "at"), [((1, 4), 24), ((1, 5), 88)])
def test_the_energy_counter_is_read_where_the_kernel_states_its_unit(card, revision, at):
    (device_folder(card) / "gpu_metrics").write_bytes(metrics(revision, at, 1000 * 2**16))
    assert amd_gpus(card)[0].read(None).energy_j == 1000


@pytest.mark.parametrize(
    "content",
    [
        metrics((1, 3), 24, 1000),  # no unit stated
        metrics((1, 4), 24, 2**64 - 1),  # not reported by this card
        metrics((1, 4), 24, 1000)[:28],  # cut short
        b"\1",
    ],
)
def test_other_tables_tell_no_energy(card, content):
    (device_folder(card) / "gpu_metrics").write_bytes(content)
    assert amd_gpus(card)[0].read(None).energy_j is None


@pytest.mark.parametrize(
    ("bit", "reasons"),
    [(1, {"power-cap"}), (16, {"current"}), (36, {"thermal"}), (47, {"thermal-hardware"})],
)
def test_throttling_is_read_from_the_table(card, bit, reasons):
    (device_folder(card) / "gpu_metrics").write_bytes(metrics((1, 3), 112, 1 << bit))
    assert amd_gpus(card)[0].read(None).throttle == reasons


def test_the_compute_driver_tells_who_computes_and_how_much_is_ours(tree, card):
    tree(
        {
            "sys/class/kfd/kfd/topology/nodes/1/properties": "domain 0\nlocation_id 768",
            "sys/class/kfd/kfd/topology/nodes/1/gpu_id": "30381",
            f"sys/class/kfd/kfd/proc/{SERVER}/vram_30381": str(1500 * 2**20),
            f"sys/class/kfd/kfd/proc/{STRANGER}/vram_30381": str(2**20),
            "sys/class/kfd/kfd/proc/4000003/vram_30381": "0",  # opened the driver, no more
            "sys/class/kfd/kfd/proc/4000004/vram_999": "4096",  # on another card
        }
    )
    (gpu,) = amd_gpus(card)
    reading = gpu.read(SERVER)
    assert (reading.ours_mib, reading.strangers) == (1500, {STRANGER})


def test_without_a_counter_its_power_is_integrated(card, clock):
    device = Device(amd_gpus(card)[0], interval_s=0.1)
    drive(device, clock, 2.0)
    found = summary(device, device.samples, device.interval_s)
    assert found.energy_from == "integrated-power"
    assert found.energy_j == pytest.approx(440, rel=0.02)


def test_a_card_that_vanishes_leaves_no_energy(card, clock):
    device = Device(amd_gpus(card)[0], interval_s=0.1)
    sensors = device_folder(card) / "hwmon"
    drive(device, clock, 2.0, at={1.0: lambda: sensors.rename(sensors.with_name("gone"))})
    found = summary(device, device.samples, device.interval_s)
    assert (found.complete, found.energy_j) == (False, None)


def test_for_vulkan_an_apu_beside_a_card_is_not_watched(pci, nvml):
    nvml.answers["nvmlInit"] = nvml.NVMLError(nvml.NVML_ERROR_LIBRARY_NOT_FOUND)
    pci("0000:c4:00.0", {**APU, **INPUT_ONLY})
    root = pci(ADDRESS, {**CARD, **WORKING})
    (gpu,), _ = computing_devices("vulkan", root=root, nvml=nvml)
    assert (gpu.key, gpu.name) == (ADDRESS, "Vulkan0")
    both, _ = computing_devices("rocm", root=root, nvml=nvml)
    assert [gpu.name for gpu in both] == ["ROCm0", "ROCm1"]


def test_power_of_an_apu_is_that_of_cpu_and_gpu(pci):
    (gpu,) = amd_gpus(pci("0000:c4:00.0", {**APU, **INPUT_ONLY}))
    assert gpu.covers == "package"


def test_a_table_of_another_revision_tells_no_throttling(card):
    (gpu,) = amd_gpus(card)
    assert gpu.read(None).throttle is None
    (device_folder(card) / "gpu_metrics").write_bytes(metrics((1, 3), 112, 0))
    assert gpu.read(None).throttle == frozenset()


def test_a_card_that_wakes_tells_what_it_did_not_while_it_slept(card, clock):
    power = device_folder(card) / "hwmon/hwmon4/power1_average"
    asleep = power.read_text()
    power.unlink()
    device = Device(amd_gpus(card)[0], interval_s=0.1)
    assert "power_w" not in device.tells
    power.write_text(asleep)
    device.look(None)
    assert "power_w" in device.tells
