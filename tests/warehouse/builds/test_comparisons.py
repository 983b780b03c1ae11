"""Builds against each other: judged where they were measured in turns, listed where not."""

import shutil
from datetime import timedelta
from itertools import pairwise

import pytest

from bench_pipeline.measures.statistics import Estimate, median_with_interval
from bench_pipeline.records.cell import Failure
from bench_pipeline.warehouse.refresh import refresh
from bench_pipeline.warehouse.store import Warehouse
from tests.session_factories import AVX2, NOON, session_runs
from tests.warehouse.given import Here, given

DAY = timedelta(days=1)


@pytest.fixture
def put_all(put):
    """Writes run files where they belong."""
    return lambda runs: [put(run) for run in runs]


def said(here: Here, metric="decode_tok_s", **of):
    """Verdict of every pair of builds, by one metric."""
    condition = "".join(f" and {name} = '{value}'" for name, value in of.items())
    return {
        (before, after): verdict
        for before, after, verdict in here.rows(
            "select build_before, build_after, verdict from comparisons"
            f" where metric = '{metric}'{condition}"
        )
    }


@given
def test_every_pair_of_a_session_is_judged_older_against_newer(here: Here):
    here.put(*here.session({"b10068": 0.5, "b10092": 1.0, "b10434": 0.95}))
    yield
    for metric in ("decode_tok_s", "prefill_tok_s", "ttft_ms"):
        assert said(here, metric) == {
            ("b10068", "b10092"): "faster",
            ("b10068", "b10434"): "faster",
            ("b10092", "b10434"): "slower",
        }
    assert here.rows("select distinct reason from comparisons") == [("",)]
    for ratio, low, high in here.rows(
        "select ratio, ratio_lo, ratio_hi from comparisons where metric = 'decode_tok_s'"
        " and build_before = 'b10092'"
    ):
        assert low < 0.95 < high and low < ratio < high


@given
def test_a_cell_of_a_session_has_an_interval_over_its_starts(here: Here):
    """Starts 5 % apart: an interval of single waves would say that it knew better."""
    here.put(*here.session({"b1": 1.0, "b2": 1.0}, turns=5, start_noise=0.05, drift=0))
    yield
    for build, n, low, middle, high in here.rows(
        "select build, n, decode_tok_s_lo, decode_tok_s, decode_tok_s_hi from measurements"
    ):
        assert n == 10
        starts = [
            rate
            for (rate,) in here.rows(
                "select median(w.decode_tok_s) from wave_speeds w join runs r using (run_id)"
                f" where r.build = '{build}' group by w.server"
            )
        ]
        assert median_with_interval(starts) == Estimate(middle, low, high, 10)
        assert low <= 115 <= high  # what both builds really do
    assert here.rows("select distinct n from build_trends") == [(10,)]
    assert here.rows("select distinct n_before, n_after from comparisons") == [(5, 5)]


@given
def test_drift_of_the_machine_is_no_difference(here: Here):
    here.put(*here.session({"b10434": 1.0, "b10435": 1.0}, drift=0.10))
    yield
    assert said(here) == {("b10434", "b10435"): "no difference"}
    assert here.rows("select distinct session_id is null, ratio_lo is null from comparisons") == [
        (False, False)
    ]


@given
def test_builds_of_different_sessions_are_shown_and_not_judged(here: Here):
    """Half as fast or not: another day, another machine."""
    here.put(*here.session({"b10068": 1.0, "b10092": 1.0}))
    here.put(*here.session({"b10434": 0.5, "b10500": 0.5}, started_at=NOON + DAY, seed=2))
    yield
    assert said(here)["b10092", "b10434"] == "unjudged"
    found = here.rows(
        "select session_id, ratio_lo, ratio_hi, reason, value_after / value_before = ratio,"
        " n_before, n_after from comparisons where verdict = 'unjudged'"
    )
    assert (
        found == [(None, None, None, "they were measured in different sessions", True, 24, 24)] * 3
    )


@given
def test_only_neighbours_are_listed_without_a_session(here: Here):
    builds = ["b10434", "b9000", "b10068"]
    for build in builds:
        here.put(here.small(build=build))
    here.put(here.small(build="of-my-own"))
    yield
    expected = dict.fromkeys(pairwise(["b9000", "b10068", "b10434"]), "unjudged")
    assert said(here) == expected


@given
def test_two_turns_are_not_enough_for_a_verdict(here: Here):
    here.put(*here.session({"b1": 1.0, "b2": 0.5}, turns=2, ended="budget"))
    yield
    assert said(here) == {("b1", "b2"): "undecided"}
    assert here.rows("select distinct reason, ratio_lo from comparisons") == [
        ("2 of the 3 turns that an interval needs", None)
    ]


@given
def test_an_interval_that_is_too_wide_is_named(here: Here):
    here.put(*here.session({"b1": 1.0, "b2": 1.0}, turns=4, start_noise=0.03, ended="budget"))
    yield
    [(verdict, reason)] = here.rows(
        "select verdict, reason from comparisons where metric = 'decode_tok_s'"
    )
    assert verdict == "undecided"
    assert reason.startswith("known to ±")


@given
def test_a_failed_cell_is_in_no_comparison(here: Here):
    older, newer = here.session({"b1": 1.0, "b2": 1.0}, workloads=["chat", "rag"], ended="failed")
    failure = Failure(kind="crash", message="the server died")
    failed = newer.cells[0].model_copy(
        update={"status": "failed", "failure": failure, "stop_reason": "failed"}
    )
    here.put(older)
    here.put(newer.model_copy(update={"cells": [failed, newer.cells[1]]}))
    yield
    assert here.rows("select distinct workload from comparisons") == [("rag",)]


@given
def test_the_reason_tells_a_session_that_failed_from_none(here: Here):
    """The newer build's cell failed in their session and was measured by itself later."""
    older, newer = here.session({"b1": 1.0, "b2": 1.0}, ended="failed")
    failed = newer.cells[0].model_copy(
        update={
            "status": "failed",
            "failure": Failure(kind="crash", message="the server died"),
            "stop_reason": "failed",
        }
    )
    here.put(older)
    here.put(newer.model_copy(update={"cells": [failed]}))
    here.put(here.small(build="b2", started_at=NOON + DAY))
    yield
    assert here.rows("select distinct verdict, reason from comparisons") == [
        ("unjudged", "their session has no sound figures of both")
    ]


@given
def test_a_cell_that_cannot_be_believed_is_in_no_comparison(here: Here):
    older, newer = here.session({"b1": 1.0, "b2": 1.0})
    late = here.cell("chat", arrival_ratio=2.0, repetitions=48)
    late = late.model_copy(update={"waves": newer.cells[0].waves})
    here.put(older)
    here.put(newer.model_copy(update={"cells": [late]}))
    yield
    assert here.rows("select delivered_on_time from measurements where build = 'b2'") == [(False,)]
    assert here.rows("select * from comparisons") == []


@given
def test_one_block_whose_model_spilled_spoils_its_cell(here: Here):
    older, newer = here.session({"b1": 1.0, "b2": 1.0})
    last = newer.servers[-1]
    spilled = last.memory.model_copy(update={"verdict": "spilled", "reason": "half is elsewhere"})
    servers = [*newer.servers[:-1], last.model_copy(update={"memory": spilled})]
    here.put(older)
    here.put(newer.model_copy(update={"servers": servers}))
    yield
    assert here.rows("select memory_verdict from measurements order by build") == [
        ("fits",),
        ("spilled",),
    ]
    assert here.rows("select * from comparisons") == []


@given
def test_a_verdict_names_how_the_builds_were_compiled(here: Here):
    here.put(
        *here.session({"b10068": 0.5, "b10092": 1.0, "b10434": 1.0}, system_infos={"b10068": AVX2})
    )
    yield
    features = "AMX_INT8, AVX512, AVX512_BF16, AVX512_VBMI, AVX512_VNNI, AVX_VNNI"
    assert here.rows(
        "select distinct build_before, build_after, compiled_differently, compile_difference"
        " from comparisons order by all"
    ) == [
        ("b10068", "b10092", True, f"b10092 has {features}; b10068 has not"),
        ("b10068", "b10434", True, f"b10434 has {features}; b10068 has not"),
        ("b10092", "b10434", False, ""),
    ]


@pytest.mark.parametrize(
    "other",
    [{"rig": "another-rig"}, {"backend": "vulkan"}, {"mode": "reasoning-off"}],
    ids=lambda other: next(iter(other)),
)
@given
def test_what_differs_in_more_than_its_build_is_not_compared(here: Here, other):
    here.put(here.small(build="b1"))
    here.put(here.small(build="b2", **other))
    yield
    assert here.rows("select * from comparisons") == []


@given
def test_a_quick_run_is_in_no_series(here: Here):
    """Its shorter answers are other work."""
    here.put(here.small(build="b1"))
    here.put(here.small(build="b2", profile="quick"))
    yield
    assert here.rows("select * from comparisons") == []
    assert here.rows("select distinct build from build_trends") == [("b1",)]


def test_the_tables_depend_on_the_files_alone(project, put_all, put, small):
    """Whatever the order in which they came, and whatever came and went between."""

    def found():
        with Warehouse(project.warehouse).read() as connection:
            return [
                connection.execute(f"select * from {table} order by all").fetchall()
                for table in ("comparisons", "build_trends")
            ]

    first = put_all(session_runs({"b1": 1.0, "b2": 0.9, "b3": 0.9}, turns=3))
    refresh(project)
    only_first = found()
    second = put_all(session_runs({"b2": 1.0, "b4": 0.9}, turns=3, started_at=NOON + DAY))
    passing = put(small(build="b5", started_at=NOON + DAY))
    refresh(project)
    with_all = found()
    passing.unlink()
    refresh(project)
    by_steps = found()
    shutil.rmtree(project.warehouse.parent)
    refresh(project)
    assert found() == by_steps
    assert by_steps != with_all and by_steps != only_first
    for path in second:
        path.unlink()
    refresh(project)
    assert found() == only_first
    first[1].unlink()
    refresh(project)
    assert {(row[14], row[15]) for row in found()[0]} == {("b1", "b3")}
