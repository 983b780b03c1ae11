"""A run of some workloads measures no others and draws no curve, on the context of all of them."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bench_pipeline.errors import RecordError
from bench_pipeline.harness.measurement import Measurement
from bench_pipeline.records.yaml.files import read_workloads


@pytest.fixture
def begun(item, engine, small_model, test_rig, short_project) -> Callable[..., Measurement]:
    def begin(*wanted: str) -> Measurement:
        return Measurement(
            replace(item, workloads=wanted),
            runs_folder=short_project.runs,
            rig=test_rig,
            engine=engine,
            model=small_model[0],
            model_path=small_model[1],
            draft=None,
            workloads=list(read_workloads(short_project.workloads).values()),
        )

    return begin


def test_only_what_is_asked_for_is_measured_and_on_the_same_context(begun):
    everything, some = begun(), begun("rag")
    assert [workload.slug for workload in everything.workloads] == ["chat", "rag"]
    assert [workload.slug for workload in some.workloads] == ["rag"]
    assert some.context_tokens() == everything.context_tokens()


def test_a_workload_that_is_not_there_is_refused_with_those_that_are(begun):
    with pytest.raises(RecordError, match="no workload `nap`\n  mend: choose from: chat, rag"):
        begun("rag", "nap")


def test_curves_are_drawn_where_all_are_wanted(begun):
    assert begun()._depths() and begun("rag", "chat")._depths() == ()
    amounts = [sum(each._pace()._amounts) for each in (begun(), begun("rag", "chat"))]
    assert amounts[0] > amounts[1]
