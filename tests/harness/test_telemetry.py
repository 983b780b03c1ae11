"""What is said of a device over a window, and when it may not be trusted.

The readings of a real card are proven by the committed run of the H100.
"""

import os
import time

import pytest

from bench_pipeline.harness.telemetry import INTERVAL_S, Device, Sample, Watch, _telemetry


def device(*powers: float | None, every_s: float = INTERVAL_S, **fields: object) -> Device:
    samples = [
        Sample(at=i * every_s, used_mib=100, ours_mib=50, power_w=p, core_clock_mhz=1980, **fields)
        for i, p in enumerate(powers)
    ]
    nothing = lambda *_: None  # noqa: E731
    return Device("CUDA0", 81559, nothing, nothing, has_power=True, samples=samples)


def test_the_energy_counter_is_preferred():
    found = _telemetry(device(*[300.0] * 11), 0.0, 1.0, before_mj=5_000, after_mj=305_000)
    assert (found.energy_j, found.energy_from) == (300.0, "counter")
    assert (found.power_mean_w, found.samples, found.complete) == (300.0, 11, True)


def test_without_a_counter_power_is_integrated():
    found = _telemetry(device(*[250.0] * 11), 0.0, 1.0, None, None)
    assert found.energy_j == pytest.approx(250.0)
    assert found.energy_from == "integrated-power"


def test_a_gap_makes_it_incomplete_and_leaves_no_integrated_energy():
    found = _telemetry(device(*[250.0] * 4, every_s=3 * INTERVAL_S), 0.0, 0.9, None, None)
    assert (found.complete, found.energy_j) == (False, None)


def test_a_reading_that_failed_makes_it_incomplete():
    assert not _telemetry(device(250.0, None, *[250.0] * 9), 0.0, 1.0, None, None).complete


def test_a_window_without_a_sample_is_incomplete():
    found = _telemetry(device(), 0.0, 0.05, before_mj=0, after_mj=1_000)
    assert (found.complete, found.samples, found.power_mean_w) == (False, 0, None)


def test_samples_outside_the_window_do_not_count():
    found = _telemetry(device(*[100.0] * 5, *[900.0] * 5), 0.0, 0.4, None, None)
    assert found.power_max_w == 100.0


def test_throttling_seen_once_is_told():
    throttled = device(*[300.0] * 11, throttle=frozenset({"power-cap"}))
    assert _telemetry(throttled, 0.0, 1.0, None, None).throttle_reasons == ["power-cap"]


def test_the_host_s_memory_and_the_server_s_share_of_it_are_read():
    with Watch(gpus=False) as watch:
        watch.server_pid = os.getpid()
        time.sleep(2.5 * INTERVAL_S)
        (host,) = watch.memory()
        assert watch.window().close() == []  # no power readings on this device
    assert host.device == "host"
    assert 0 < host.ours_loaded_mib <= host.ours_peak_mib < host.total_mib
    assert host.used_peak_mib >= host.used_loaded_mib > 0
