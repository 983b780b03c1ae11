"""What a row of telemetry says in words."""

import pytest

from bench_pipeline.site.runs.cells import telemetry_row
from bench_pipeline.site.runs.conditions import energy

DEVICE = {
    "device": "ROCm0",
    "concurrency": 4,
    "power_mean_w": 84.0,
    "power_max_w": 91.0,
    "energy_j": 120.0,
    "energy_from": "integrated-power",
    "core_clock_median_mhz": None,
    "core_clock_min_mhz": None,
    "temperature_max_c": 61,
    "samples": 30,
    "interval_ms": 100.0,
    "complete": True,
    "covers": "device",
}


@pytest.mark.parametrize(
    ("reasons", "words"),
    [(None, "unknown"), ([], "no"), (["power-cap", "thermal"], "power-cap and thermal")],
)
def test_throttling_that_no_driver_tells_is_unknown(reasons, words):
    assert telemetry_row({**DEVICE, "throttle_reasons": reasons}, "Chat").throttled == words


def test_power_of_a_package_says_that_the_cpu_is_in_it():
    alone = telemetry_row({**DEVICE, "throttle_reasons": []}, "Chat")
    package = telemetry_row({**DEVICE, "throttle_reasons": [], "covers": "package"}, "Chat")
    assert alone.device == "ROCm0"
    assert package.device == "ROCm0 (CPU and GPU in one package)"


def test_a_run_on_a_chip_of_both_says_whose_energy_it_counted():
    [(label, words)] = energy([DEVICE | {"covers": "package"}] * 2)
    assert (label, words.split(":")[0]) == ("Energy", "ROCm0 and the CPU are one chip")
    assert energy([DEVICE]) == ()
