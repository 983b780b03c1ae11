"""What other runs contradict is marked, and only as long as they are there."""

from datetime import timedelta

import pytest

from bench_pipeline.records.run import Run
from bench_pipeline.warehouse.refresh import refresh
from tests.factories import CPU
from tests.session_factories import NOON
from tests.warehouse.given import Here, given
from tests.warehouse.test_ingest import contents

DISPUTED = "select run_id from measurements where list_contains(flags, 'disputed') order by 1"


def another_run(run: Run, **what: object) -> Run:
    """With the same requests."""
    return Run.model_validate({**run.model_dump(), "run_id": "0" * 12, **what})


def test_of_two_runs_with_the_same_requests_one_is_marked_while_both_are_there(
    project, put, small, rows
):
    """Of another rig, or of another hour."""
    true, other = small(started_at=NOON), small(started_at=NOON, seed=2, rig="second")
    by_rig, by_hour = "0" * 12, "1" * 12
    put(true)
    put(other)
    copies = [
        put(another_run(true, rig="0-stranger", run_id=by_rig)),
        put(another_run(other, started_at=NOON + timedelta(hours=1), run_id=by_hour)),
    ]
    refresh(project)
    assert rows(DISPUTED) == [(by_rig,), (by_hour,)]
    for copied, original in ((by_rig, true), (by_hour, other)):
        ((said,),) = rows(f"select unknown from runs where run_id = '{copied}'")
        assert said[-1] == (
            f"Not plausible beside other runs: its requests are those of run {original.run_id}."
        )
        shown = f"select distinct run_id from workload_speeds where rig = '{original.rig}'"
        assert rows(shown) == [(original.run_id,)]
    put(small(rig="another", seed=7))
    refresh(project)
    assert rows(DISPUTED) == [(by_rig,), (by_hour,)]
    for original in (true, other):
        (project.runs / original.relative_path).unlink()
    refresh(project)
    assert rows(DISPUTED) == []
    before = contents(project)
    project.warehouse.unlink()
    refresh(project)
    assert contents(project) == before
    assert all(copy.is_file() for copy in copies)


def test_a_copy_that_comes_later_is_marked_as_if_it_had_come_at_once(project, put, small, rows):
    true = small(started_at=NOON)
    put(true)
    put(small(rig="another", seed=7))
    refresh(project)
    put(another_run(true, started_at=NOON - timedelta(hours=1)))
    refresh(project)
    assert rows(DISPUTED) == [(true.run_id,)]  # the one that began first is believed
    before = contents(project)
    project.warehouse.unlink()
    refresh(project)
    assert contents(project) == before


@given
def test_a_run_of_another_machine_than_its_rigs_is_marked(here: Here):
    for hours in (0, 1):
        here.put(here.small(started_at=NOON + timedelta(hours=hours), seed=hours))
    other = here.small(started_at=NOON + timedelta(hours=2), seed=3, decode_tok_s=400)
    faked = other.inventory.model_copy(update={"cpu": CPU.model_copy(update={"model": "Cray-1"})})
    here.put(Run.model_validate({**other.model_dump(), "inventory": faked.model_dump()}))
    yield
    assert here.rows(DISPUTED) == [(other.run_id,)]
    ((decode,),) = here.rows("select decode_tok_s from workload_speeds")
    assert decode == pytest.approx(115, rel=0.05)


@given
def test_no_build_is_judged_by_two_runs_that_both_claim_it(here: Here):
    speeds = {"b10068": 1.0, "b10092": 1.0, "b10434": 0.95}
    true = here.session(speeds, turns=4)
    guest = here.session({**speeds, "b10434": 2.0}, turns=4, seed=5)[2]
    session = guest.session.model_copy(update={"session_id": true[0].session.session_id})
    for run in (*true, Run.model_validate({**guest.model_dump(), "session": session.model_dump()})):
        here.put(run)
    yield
    judged = here.rows(
        "select distinct build_before, build_after from comparisons where session_id is not null"
    )
    assert judged == [("b10068", "b10092")]
