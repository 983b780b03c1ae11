"""A processor's own energy counter, as the kernel's powercap class shows it."""

import pytest

from bench_pipeline.harness.telemetry.device import Device
from bench_pipeline.harness.telemetry.rapl import processor_packages
from bench_pipeline.harness.telemetry.window import summary
from tests.harness.telemetry.card import drive

ZONES = "sys/class/powercap"


@pytest.fixture
def rapl(tree):
    root = tree(
        {
            f"{ZONES}/intel-rapl:0/name": "package-0",
            f"{ZONES}/intel-rapl:0/energy_uj": "5000000",
            f"{ZONES}/intel-rapl:0/max_energy_range_uj": "262143328850",
            f"{ZONES}/intel-rapl:0:0/name": "core",
            f"{ZONES}/intel-rapl:0:0/energy_uj": "1000000",
            f"{ZONES}/intel-rapl:1/name": "psys",
            f"{ZONES}/intel-rapl:1/energy_uj": "9000000",
            f"{ZONES}/intel-rapl-mmio:0/name": "package-0",
            f"{ZONES}/intel-rapl-mmio:0/energy_uj": "5000000",
            "sys/class/hwmon/hwmon2/name": "coretemp",
            "sys/class/hwmon/hwmon2/temp1_label": "Package id 0",
            "sys/class/hwmon/hwmon2/temp1_input": "61000",
            "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "3",
        }
    )
    return root


def run(root, clock, from_uj):
    (package,), _ = processor_packages(root)
    counter = root / ZONES / "intel-rapl:0/energy_uj"
    counter.write_text(f"{from_uj}\n")
    device = Device(package)
    for _ in range(21):
        uj = (from_uj + round(80e6 * clock.now)) % 262143328850
        counter.write_text(f"{uj}\n")
        drive(device, clock, 0.0)
    return device, summary(device, device.samples, device.interval_s)


def test_a_package_tells_energy_and_temperature(rapl):
    (package,), gaps = processor_packages(rapl)
    reading = package.read(None)
    assert (package.name, gaps) == ("package-0", [])
    assert (reading.energy_j, reading.temperature_c, reading.used_mib) == (5, 61, None)


def test_power_is_the_counters_rise(rapl, clock):
    device, found = run(rapl, clock, from_uj=5_000_000)
    assert device.interval_s == 0.1
    assert (found.device, found.energy_from, found.complete) == ("package-0", "counter", True)
    assert (found.energy_j, found.power_mean_w, found.power_max_w) == (160.0, 80.0, 80.0)


def test_a_counter_that_starts_again_at_its_range_goes_on(rapl, clock):
    _, found = run(rapl, clock, from_uj=262143328850 - 70_000_000)
    assert (found.complete, found.energy_j) == (True, pytest.approx(160.0))


def test_a_counter_that_only_root_may_read_is_a_sentence(rapl):
    counter = rapl / ZONES / "intel-rapl:0/energy_uj"
    counter.unlink()
    counter.mkdir()  # root, too, cannot read a folder
    packages, gaps = processor_packages(rapl)
    assert packages == []
    assert gaps == [
        "RAPL: /sys/class/powercap/intel-rapl:0/energy_uj cannot be read,"
        " as a rule because only root may."
    ]


def test_a_machine_without_the_interface_has_nothing_to_say(tree):
    assert processor_packages(tree({})) == ([], [])


def test_a_package_that_grew_too_hot_meanwhile_was_throttled(rapl):
    (package,), _ = processor_packages(rapl)
    count = rapl / "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count"
    assert package.read(None).throttle == frozenset()
    count.write_text("4\n")
    assert package.read(None).throttle == {"thermal"}
    assert package.read(None).throttle == frozenset()


def test_amds_sensor_is_found_by_its_driver(tree, rapl):
    tree({"sys/class/hwmon/hwmon2/name": "k10temp"})
    (package,), _ = processor_packages(rapl)
    assert package.read(None).temperature_c == 61
