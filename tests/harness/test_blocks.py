"""A cell measured in blocks reads as one."""

import pytest

from bench_pipeline.harness.blocks import joined
from bench_pipeline.records.cell import Cell, Failure, Telemetry
from tests.factories import measured_cell


def telemetry(energy_j: float | None, **fields: object) -> Telemetry:
    usual = {"energy_from": None if energy_j is None else "counter", "power_mean_w": 100.0}
    usual |= {"core_clock_min_mhz": 900, "samples": 20, "interval_ms": 100.0, "complete": True}
    return Telemetry.model_validate({"device": "CUDA0", "energy_j": energy_j} | usual | fields)


def block(server: int, **fields: object) -> Cell:
    return measured_cell("chat", 1, decode_tok_s=100).model_copy(
        update={"server": server, **fields}
    )


def test_waves_are_numbered_through_and_name_their_server():
    one = joined([block(0), block(3)])
    waves = len(block(0).waves)
    assert [wave.wave for wave in one.waves] == list(range(2 * waves))
    assert [wave.server for wave in one.waves] == [0] * waves + [3] * waves
    assert [request.wave for request in one.requests] == list(range(2 * waves))
    assert one.server == 0


def test_energy_is_summed_and_power_weighted_by_the_windows():
    one = joined(
        [
            block(0, window_ms=1000, telemetry=[telemetry(100.0)]),
            block(1, window_ms=3000, telemetry=[telemetry(360.0, power_mean_w=120.0)]),
        ]
    )
    [part] = one.telemetry
    assert (one.window_ms, part.energy_j, part.power_mean_w) == (4000, 460.0, 115.0)
    assert (part.samples, part.complete) == (40, True)


@pytest.mark.parametrize(
    "second", [[], [telemetry(None)], [telemetry(5.0, energy_from="integrated-power")]]
)
def test_energy_that_one_block_lacks_or_tells_otherwise_is_not_known(second):
    one = joined([block(0, telemetry=[telemetry(100.0)]), block(1, telemetry=second)])
    assert one.telemetry[0].energy_j is None
    assert one.telemetry[0].complete is bool(second)


def test_what_other_programs_used_is_weighted_by_the_windows():
    one = joined(
        [
            block(0, window_ms=1000, others_cpu_fraction=0.4),
            block(1, window_ms=3000, others_cpu_fraction=0.0),
        ]
    )
    assert one.others_cpu_fraction == 0.1


def test_a_block_that_failed_fails_the_cell():
    failure = Failure(kind="hang", message="no byte for 300 s")
    bad = block(1, status="failed", failure=failure)
    assert joined([block(0), bad]).failure == failure
