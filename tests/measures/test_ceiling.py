"""The ceiling: bandwidth over bytes read, and every case in which that would be no bound."""

from typing import Any

import pytest

from bench_pipeline.measures.ceiling import ceiling_of, ceiling_tok_s, share_of_ceiling
from bench_pipeline.records.cell import CurvePoint, Failure
from bench_pipeline.records.run import Run
from bench_pipeline.records.server import Bandwidth, Buffer, MemoryProof, Server
from tests.factories import SMOLLM2, measured_run
from tests.measures.test_cells import cell
from tests.measures.test_formulas import request

HBM = Bandwidth(device="CUDA0", bytes_per_s=3.35e12, source="theoretical", how="clock and bus")
DENSE = SMOLLM2.model_copy(update={"experts": 0, "size_bytes": 98_362_432})
BUFFERS = [
    Buffer(device="CPU_Mapped", holds="weights", mib=28.69),  # the token embedding
    Buffer(device="CUDA0", holds="weights", mib=92.17),
    Buffer(device="CUDA0", holds="kv", mib=112.5),
    Buffer(device="CUDA0", holds="compute", mib=14.76),
    Buffer(device="CUDA_Host", holds="output", mib=0.75),
]
KV_PER_TOKEN = 23_040
"""112.5 MiB for 5,120 tokens; by the model's shape 30 layers x 2 x 3 heads x 64 x 2 bytes."""


def server(buffers: list[Buffer] = BUFFERS, verdict: str = "fits", **changes: Any) -> Server:
    memory = MemoryProof(verdict=verdict, reason="as told", buffers=buffers)  # type: ignore[arg-type]
    fields: dict[str, Any] = {"slots": 4, "context_tokens_per_slot": 1280, "memory": memory}
    return Server(**(fields | changes))


def run(backend: str = "cuda", **changes: Any) -> Run:
    fields: dict[str, Any] = {"model": DENSE, "servers": [server()], "bandwidth": [HBM]}
    return measured_run(backend=backend, cells=[], **(fields | changes))


def test_on_a_gpu_the_device_s_weights_and_the_cache_are_read() -> None:
    ceiling = ceiling_of(run(), 1000)
    assert ceiling is not None
    assert ceiling.bytes_per_token == 92.17 * 2**20 + 1000 * KV_PER_TOKEN
    assert ceiling.tok_s == pytest.approx(3.35e12 / 119_687_249.92)
    assert ceiling.bandwidth == HBM


def test_deeper_is_slower() -> None:
    rates = [ceiling_tok_s(run(), depth) for depth in (0, 1000, 4000)]
    assert rates[0] == pytest.approx(3.35e12 / (92.17 * 2**20))
    assert rates == sorted(rates, key=lambda rate: -(rate or 0))


def test_on_a_cpu_the_file_is_read() -> None:
    host = Bandwidth(device="host", bytes_per_s=2e10, source="measured", how="a loop")
    buffers = [
        Buffer(device="CPU_Mapped", holds="weights", mib=93.7),
        Buffer(device="AMX", holds="weights", mib=60.0),
        Buffer(device="CPU", holds="kv", mib=112.5),
    ]
    made = run("cpu", servers=[server(buffers)], bandwidth=[HBM, host])
    assert ceiling_tok_s(made, 0) == 2e10 / 98_362_432


def test_a_cell_is_judged_in_the_middle_of_its_answers() -> None:
    # prompt 200, then 101 tokens: 250.5 before the middle one
    one = cell([[100.0]] * 3, server=0)
    assert ceiling_tok_s(run(), one) == pytest.approx(
        3.35e12 / (92.17 * 2**20 + 250.5 * KV_PER_TOKEN)
    )
    assert share_of_ceiling(run(), one) == pytest.approx(100.0 / ceiling_tok_s(run(), one))  # type: ignore[operator]


def test_a_point_of_a_curve_likewise() -> None:
    point = CurvePoint(depth_tokens=2048, server=0, output_tokens_budget=101, cold=[request()] * 3)
    ceiling = ceiling_tok_s(run(), point)
    assert ceiling == ceiling_tok_s(run(), cell([[100.0]] * 3, server=0))
    assert share_of_ceiling(run(), point) == pytest.approx(100.0 / ceiling)  # type: ignore[operator]


def test_the_draft_model_s_buffers_are_not_the_model_s() -> None:
    drafts = [
        Buffer(device="CUDA0", holds="weights", mib=500.0, of="draft"),
        Buffer(device="CUDA0", holds="kv", mib=500.0, of="draft"),
    ]
    assert ceiling_of(run(servers=[server(BUFFERS + drafts)]), 100) == ceiling_of(run(), 100)


def test_what_the_hardware_can_do_comes_before_what_a_loop_attained() -> None:
    loop = Bandwidth(device="CUDA0", bytes_per_s=2.9e12, source="measured", how="a loop")
    both = ceiling_of(run(bandwidth=[loop, HBM]), 0)
    assert both is not None and both.bandwidth.source == "theoretical"
    alone = ceiling_of(run(bandwidth=[loop]), 0)
    assert alone is not None and alone.bandwidth.source == "measured"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"model": DENSE.model_copy(update={"experts": 8})}, id="experts"),
        pytest.param({"model": DENSE.model_copy(update={"experts": None})}, id="unknown experts"),
        pytest.param({"draft": DENSE}, id="draft model"),
        pytest.param({"bandwidth": []}, id="no bandwidth"),
        pytest.param({"bandwidth": [HBM.model_copy(update={"device": "host"})]}, id="other's"),
        pytest.param({"servers": []}, id="no server"),
        pytest.param({"servers": [server(verdict="spilled")]}, id="spilled"),
        pytest.param({"servers": [server(memory=None)]}, id="no memory proof"),
        pytest.param({"servers": [server(BUFFERS[:1])]}, id="no weights on the device"),
        pytest.param({"servers": [server(BUFFERS[:2])]}, id="no cache in the log"),
        pytest.param({"servers": [server(context_tokens_per_slot=None)]}, id="unknown context"),
    ],
)
def test_what_is_not_known_to_be_a_bound_is_none(changes: dict[str, Any]) -> None:
    assert ceiling_of(run(**changes), 100) is None


def test_a_model_on_two_devices_has_no_single_ceiling() -> None:
    made = run()
    second = made.inventory.engine_devices[0].model_copy(update={"id": "CUDA1"})
    inventory = made.inventory.model_copy(
        update={"engine_devices": [*made.inventory.engine_devices, second]}
    )
    halves = [*BUFFERS, Buffer(device="CUDA1", holds="weights", mib=90.0)]
    assert ceiling_of(run(inventory=inventory, servers=[server(halves)]), 100) is None
    assert ceiling_of(run(inventory=inventory), 100) is not None


def test_several_streams_share_each_reading_of_the_weights() -> None:
    four = cell([[40.0] * 4] * 3, server=0)
    assert ceiling_of(run(), four) is None
    assert share_of_ceiling(run(), four) is None


def test_a_failed_place_has_no_share() -> None:
    failure = Failure(kind="crash", message="the server died")
    cut_off = cell([[40.0]] * 3, server=0, status="failed", failure=failure)
    assert share_of_ceiling(run(), cut_off) is None
    assert share_of_ceiling(run(), cell([[40.0]], server=0, requests=[])) is None
