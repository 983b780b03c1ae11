"""A real run of a second setup of a backend: measured as it was asked, kept under its own name, and
not measured where the server does otherwise."""

from dataclasses import replace

import pytest

from bench_pipeline.harness.run import measure_run
from bench_pipeline.records.rig import BackendSetup, Rig
from bench_pipeline.warehouse.refresh import refresh
from bench_pipeline.warehouse.store import Warehouse
from tests.harness.test_spill import brief as brief


@pytest.fixture
def measured(brief, item, engine, small_model, test_rig):
    def measuring(**asked):
        setup = BackendSetup(threads=1, **asked)
        run, path = measure_run(
            replace(item, backend="cpu-kv8", concurrencies=(1,)),
            project=brief,
            rig=Rig(
                slug=test_rig.slug,
                title=test_rig.title,
                backends={"cpu": BackendSetup(threads=1), "cpu-kv8": setup},
            ),
            engine=engine,
            model=small_model[0],
            model_path=small_model[1],
        )
        return run, path

    return measuring


def test_a_setup_is_measured_as_asked_and_kept_under_its_name(measured, brief):
    asked = {"cache_type_k": "q8_0", "flash_attention": "on", "ubatch_tokens": 64}
    run, path = measured(**asked)
    assert run.status == "ok", run.failure
    assert path.parent.name == run.backend == "cpu-kv8"
    assert run.arrangement.model_dump(exclude_defaults=True) == asked
    assert any("K (q8_0)" in line for line in run.servers[0].log_proof)
    refresh(brief)
    with Warehouse(brief.warehouse).read() as warehouse:
        rows = warehouse.execute("select distinct backend, memory_verdict from measurements")
        assert rows.fetchall() == [("cpu-kv8", "fits")]


def test_a_server_that_does_otherwise_than_asked_is_not_measured(measured):
    run, _ = measured(ubatch_tokens=64, args=["-b", "32"])
    assert (run.status, run.failure.kind) == ("failed", "refused")
    assert run.failure.message == "the rig file asks for ubatch_tokens 64, the server's log says 32"
    assert run.cells == []
