"""Builds measured in turns, with the real server under two names."""

from dataclasses import replace

import pytest

from bench_pipeline.errors import EngineError
from bench_pipeline.harness.planning.plan import satisfied
from bench_pipeline.harness.run import measure_session
from bench_pipeline.harness.session import WAVES_PER_BLOCK
from bench_pipeline.records.engines import Sentinel
from bench_pipeline.records.yaml.files import read_run

SENTINEL = Sentinel(models=["any"], workloads=["chat", "rag"], concurrencies=[1], budget_s=0.1)
"""So short that the first turn that may end a session does."""


@pytest.fixture
def measure(short_project, item, engine, small_model, test_rig):
    def measure(*engines, sentinel=SENTINEL):
        model, model_path = small_model
        return measure_session(
            replace(item, build=engines[0].build, beside=tuple(e.build for e in engines[1:])),
            project=short_project,
            rig=test_rig,
            engines=engines,
            sentinel=sentinel,
            model=model,
            model_path=model_path,
        )

    return measure


def named(engine, build: str):
    return replace(engine, build=build)


def test_each_build_gets_a_run_whose_blocks_go_there_and_back(measure, engine, item):
    made = measure(named(engine, "b2"), named(engine, "b1"))
    assert [(run.engine.build, run.failures) for run, _ in made] == [("b1", []), ("b2", [])]
    sessions = [run.session for run, _ in made]
    assert sessions[0] == sessions[1]
    turns, rest = divmod(len(sessions[0].blocks), 4)
    assert (rest, sessions[0].builds) == (0, ["b1", "b2"])
    assert sessions[0].blocks == ["b1", "b2", "b2", "b1"] * turns
    assert sessions[0].ended == "budget"
    for run, path in made:
        assert run.status == "ok", run.failure
        assert read_run(path) == run
        assert len(run.servers) == 2 * turns
        for cell in run.cells:
            assert cell.server == 0
            assert [wave.wave for wave in cell.waves] == list(range(2 * turns * WAVES_PER_BLOCK))
            assert [wave.server for wave in cell.waves] == [
                number for number in range(2 * turns) for _ in range(WAVES_PER_BLOCK)
            ]
            assert {request.wave for request in cell.requests} == {w.wave for w in cell.waves}
            assert len(cell.warmups) == 2 * turns
            assert all(request.cached_tokens == 0 for request in cell.requests)
    wanted = replace(item, build="b2", beside=("b1",))
    runs = [run for run, _ in made]
    assert satisfied(wanted, runs)
    assert not satisfied(replace(wanted, beside=()), runs), "it holds the sentinel's cells alone"


def test_a_build_that_does_not_start_ends_the_session_and_is_kept(measure, engine, tmp_path):
    broken = tmp_path / "llama-server"
    broken.write_text("#!/bin/sh\necho 'error: out of order' >&2\nexit 1\n")
    broken.chmod(0o755)
    made = measure(engine, replace(engine, build="b99999999", binary=broken))
    assert [run.status for run, _ in made] == ["ok", "failed"]
    good, bad = (run for run, _ in made)
    assert good.session.ended == "failed"
    assert good.session.blocks == [engine.build, "b99999999"]
    assert len(good.cells[0].waves) == WAVES_PER_BLOCK
    assert (bad.failure.kind, bad.cells) == ("load", [])


def test_a_build_is_not_measured_beside_itself(measure, engine):
    with pytest.raises(EngineError, match="beside itself"):
        measure(engine, engine)


def test_a_sentinel_that_names_no_workload_is_an_error(measure, engine):
    lost = SENTINEL.model_copy(update={"workloads": ["poetry"]})
    with pytest.raises(EngineError, match="poetry"):
        measure(engine, named(engine, "b1"), sentinel=lost)
