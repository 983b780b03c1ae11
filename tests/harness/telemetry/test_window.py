"""What is said of a device over a window, and when it may not be trusted."""

from collections.abc import Sequence

import pytest

from bench_pipeline.harness.telemetry.device import Device
from bench_pipeline.harness.telemetry.reading import Reading, Sample
from bench_pipeline.harness.telemetry.window import summary
from bench_pipeline.records.cell import Telemetry

STEP_S = 0.1


class Scripted:
    """A device that tells whatever the first of its readings does."""

    name, key, total_mib = "CUDA0", "0000:0a:00.0", 81559.0
    renewal_s = interval_s = None
    covers = "device"

    def __init__(self, readings: Sequence[Reading], energy_range_j: float | None = None) -> None:
        self.readings, self.energy_range_j = readings, energy_range_j

    def read(self, server_pid: int | None) -> Reading:
        return self.readings[0]

    def power_w(self) -> float | None:
        return self.readings[0].power_w

    def close(self) -> None:
        pass


def summarise(
    readings: Sequence[Reading],
    *,
    step_s: float = STEP_S,
    at: Sequence[float] | None = None,
    energy_range_j: float | None = None,
    interval_s: float = STEP_S,
) -> Telemetry:
    at = at or [number * step_s for number in range(len(readings))]
    samples = [Sample(*pair) for pair in zip(at, readings, strict=True)]
    return summary(Device(Scripted(readings, energy_range_j)), samples, interval_s)


def powers(*watts: float | None) -> list[Reading]:
    return [Reading(power_w=w, core_clock_mhz=1980, temperature_c=38) for w in watts]


def counters(*joules: float | None, power_w: float | None = None) -> list[Reading]:
    return [Reading(energy_j=j, power_w=power_w) for j in joules]


def test_the_energy_counter_is_preferred():
    found = summarise([Reading(power_w=300, energy_j=5 + 31 * n) for n in range(11)])
    assert (found.energy_j, found.energy_from) == (310.0, "counter")
    assert (found.power_mean_w, found.samples, found.complete) == (300.0, 11, True)
    assert found.interval_ms == 100


def test_without_a_counter_power_is_integrated():
    found = summarise(powers(*[250.0] * 10, 350.0))
    assert found.energy_j == pytest.approx(255.0)
    assert found.energy_from == "integrated-power"
    assert (found.power_max_w, found.core_clock_min_mhz, found.temperature_max_c) == (350, 1980, 38)


def test_without_a_power_value_it_follows_from_the_counter():
    found = summarise(counters(*[100 + 5 * n for n in range(8)], 155, *[160, 165, 170]))
    assert (found.energy_j, found.power_mean_w) == (70.0, 63.6)
    assert found.power_max_w == 200.0


def test_a_gap_of_twice_the_interval_is_allowed_and_a_longer_one_leaves_no_energy():
    at = [0.125 * number for number in range(12)]
    tolerated, torn = [*at[:5], *at[6:]], [*at[:5], *at[7:]]
    assert summarise(powers(*[250.0] * 11), at=tolerated, interval_s=0.125).complete
    found = summarise(powers(*[250.0] * 10), at=torn, interval_s=0.125)
    assert (found.complete, found.energy_j, found.energy_from) == (False, None, None)


def test_a_gap_leaves_no_energy_even_where_the_counter_went_on():
    found = summarise(counters(*range(0, 110, 10), power_w=100), step_s=0.3)
    assert (found.complete, found.energy_j) == (False, None)


def test_what_was_told_once_and_then_not_makes_it_incomplete():
    for field in ("power_w", "energy_j", "core_clock_mhz", "temperature_c"):
        whole = {"power_w": 300.0, "energy_j": 7.0, "core_clock_mhz": 1980, "temperature_c": 38}
        readings = [Reading(**whole) for _ in range(11)]
        readings[5] = Reading(**{**whole, field: None})
        found = summarise(readings)
        assert (found.complete, found.energy_j) == (False, None), field


def test_what_a_device_never_tells_is_not_missed():
    found = summarise([Reading(power_w=30.0) for _ in range(11)])
    assert (found.complete, found.core_clock_min_mhz, found.temperature_max_c) == (True, None, None)


def test_a_window_between_two_samples_is_incomplete():
    found = summarise(powers(300.0, 300.0), step_s=0.05)
    assert (found.complete, found.energy_j) == (False, None)


def test_a_window_of_few_renewals_has_no_energy_for_its_edges_weigh_too_much():
    assert summarise(counters(*range(10), power_w=1)).energy_j is None
    assert summarise(counters(*range(11), power_w=1)).energy_j == 10


def test_a_counter_that_starts_again_at_its_range_goes_on():
    found = summarise(
        counters(*[262_140.0 + n for n in range(4)], *[0.0 + n for n in range(8)]),
        energy_range_j=262_144.0,
    )
    assert (found.complete, found.energy_j) == (True, 11.0)


@pytest.mark.parametrize("energy_range_j", [None, 262_144.0])
def test_a_counter_that_was_reset_gives_no_energy(energy_range_j):
    readings = counters(*[5_000.0 + n for n in range(6)], *[0.0 + n for n in range(6)], power_w=10)
    found = summarise(readings, energy_range_j=energy_range_j)
    assert (found.complete, found.energy_j, found.power_mean_w) == (False, None, 10.0)


def test_a_counter_that_leaps_is_misread():
    found = summarise(counters(*range(6), *range(10**6, 10**6 + 6), power_w=10))
    assert (found.complete, found.energy_j) == (False, None)


def test_a_counter_that_stands_still_yields_to_power():
    found = summarise(counters(*[42.0] * 11, power_w=200.0))
    assert (found.energy_j, found.energy_from) == (200.0, "integrated-power")


def test_throttling_seen_once_is_told():
    readings = powers(*[300.0] * 11)
    readings[4] = Reading(
        power_w=300, core_clock_mhz=1200, temperature_c=90, throttle=frozenset({"thermal"})
    )
    found = summarise(readings)
    assert (found.throttle_reasons, found.core_clock_min_mhz) == (["thermal"], 1200)
    assert (found.core_clock_median_mhz, found.temperature_max_c) == (1980, 90)
