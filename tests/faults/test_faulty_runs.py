"""Whole runs with one thing wrong, from the real server to the warehouse.

Each is caught, typed and named in the run file, ingested as the failure that it is, and shown
nowhere as a number.
"""

import os
from dataclasses import replace

import psutil
import pytest

from bench_pipeline.engines import guard
from bench_pipeline.harness.client import streaming
from tests.faults import injected
from tests.faults.conftest import Outcome, RunWith, runs_with
from tests.faults.proxy import Fault
from tests.waiting import PATIENCE_S


def failures_ingested(outcome: Outcome) -> list[tuple]:
    return outcome.rows("select status, failure_kind, decode_tok_s from measurements")


SAID = {
    injected.CachingLeftOn: ("contaminated", "2 of 2 requests reused cached prompt tokens, up to"),
    injected.StopsEarly: ("miscounted", "32 tokens were asked for, the server's usage says 24"),
    injected.UsageOneMore: ("miscounted", "usage says 33, its timings say 32"),
    injected.PromptCountedTwice: ("miscounted", "says 48 prompt tokens, its timings say 96"),
    injected.TokensClaimedButNotMade: ("miscounted", "of 32 tokens, numbers 13 to 32 came in one"),
    injected.EventsLost: ("miscounted", "of 32 tokens, numbers"),
}


@pytest.fixture(scope="module")
def many(tmp_path_factory, engine, small_model) -> Outcome:
    """Of workloads with a cache left on, with counts that are wrong in five ways, and through the
    proxy alone, which is good. A curve is drawn of the one that stops early."""
    with runs_with(tmp_path_factory.mktemp("many"), engine, small_model) as run_with:
        faults = [*(fault() for fault in SAID), Fault()]
        return run_with(*faults, curve_depths=(48,), curve_of=injected.StopsEarly)


def test_of_a_run_whose_workloads_all_but_one_went_wrong_that_one_is_shown(many: Outcome):
    assert many.run.status == "ok"
    ingested = dict(many.rows("select workload, failure_kind from measurements"))
    for fault, (kind, said) in SAID.items():
        cell = many.cell(fault)
        assert cell.failure, fault
        assert (cell.failure.kind, said in cell.failure.message) == (kind, True), cell.failure
        assert "2 of 2 requests" in cell.failure.message
        assert len(cell.requests) == 2  # kept, for whoever wants to look
        assert ingested[cell.workload] == kind
    # By the real server's own count: all of the prompt but the token that makes the first.
    reused = [r.cached_tokens for r in many.cell(injected.CachingLeftOn).requests]
    assert reused == [47, 47]

    good = many.cell(Fault)
    assert (good.status, ingested[good.workload]) == ("ok", None), good.failure
    # A busy test machine may make the two clocks differ, which is a reason of its own.
    columns = "decode_tok_s, clocks_agree, delivered_on_time"
    ((speed, agree, on_time),) = many.rows(
        f"select {columns} from measurements where status = 'ok'"
    )
    assert speed > 0
    fit_to_show = agree is not False and on_time is not False
    assert many.rows("select workload from chosen_cells") == [(good.workload,)] * fit_to_show
    assert many.rows("select n_workloads from speed_ranges") == [(1,)] * fit_to_show


def test_a_curve_whose_counts_are_wrong_has_no_point(many: Outcome):
    (point,) = many.run.curves
    assert (point.status, point.failure.kind) == ("failed", "miscounted")
    assert "32 tokens were asked for, the server's usage says 24" in point.failure.message
    assert many.rows("select failure_kind, n from curve_points") == [("miscounted", None)]
    assert not many.points_shown()


def test_one_chunk_in_twenty_coming_late_is_kept_from_the_page(run_with: RunWith):
    outcome = run_with(injected.OneInTwentyLate(), output_tokens=40, curve_depths=(48,))
    (cell,) = outcome.run.cells
    for request in cell.requests:
        # The gap that the server never made: the proxy's own, whatever the machine does.
        assert request.itl_p99_ms > injected.OneInTwentyLate.delay_s * 1000
        assert request.server_itl_p99_ms is not None
    assert outcome.rows("select delivered_on_time from measurements") == [(False,)]
    assert len(outcome.run.curves) == 1
    assert outcome.rows("select decode_tok_s, ttft_ms from curve_points") == [(None, None)]
    assert not outcome.reaches_the_page()


def test_one_connection_cut_in_the_middle_marks_the_cell(run_with: RunWith):
    """The fourth reply is one of the two of the first measured wave."""
    outcome = run_with(injected.CutsConnection(reply=4), concurrency=2)
    (cell,) = outcome.run.cells
    assert (cell.status, cell.failure.kind, cell.stop_reason) == ("failed", "crash", "failed")
    assert "of 2: " in cell.failure.message  # which of the streams
    assert "died" not in cell.failure.message  # the server lives on
    assert len(cell.requests) == 2  # the wave before it
    assert failures_ingested(outcome) == [("failed", "crash", None)]
    assert not outcome.reaches_the_page()


def test_a_server_killed_in_the_middle_of_a_reply_is_a_crash(run_with: RunWith):
    outcome = run_with(injected.KillsServer())
    assert (outcome.run.status, outcome.run.failure.kind) == ("failed", "crash")
    assert "the server died during a request" in outcome.run.failure.message
    assert outcome.run.failure.log_tail
    assert len(outcome.run.cells[-1].requests) == 1
    assert failures_ingested(outcome) == [("failed", "crash", None)]
    assert not outcome.reaches_the_page()


@pytest.fixture
def impatient_with_the_third_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the one that never comes is waited for briefly: a busy machine may take its time for
    the others."""
    ordinary, sent = streaming.post, []

    async def post(url, body, patience):
        sent.append(body)
        silence_s = 0.5 if len(sent) == 3 else PATIENCE_S
        return await ordinary(url, body, replace(patience, silence_s=silence_s))

    monkeypatch.setattr(streaming, "post", post)


def test_a_server_that_hangs_in_the_middle_of_a_reply_is_a_hang_and_is_ended(
    run_with: RunWith, impatient_with_the_third_reply, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(guard, "GRACE_S", 0.2)  # frozen, it hears no SIGTERM
    outcome = run_with(injected.FreezesServer(reply=2))
    assert (outcome.run.status, outcome.run.failure.kind) == ("failed", "hang")
    assert "no data for 0.5 s" in outcome.run.failure.message
    assert len(outcome.run.cells[-1].requests) == 1
    assert failures_ingested(outcome) == [("failed", "hang", None)]
    assert not outcome.reaches_the_page()
    children = psutil.Process(os.getpid()).children(recursive=True)
    assert not [child for child in children if child.name() == "llama-server"]


def test_a_server_with_fewer_slots_than_clients_is_refused(run_with: RunWith):
    outcome = run_with(Fault(), concurrency=4, args=("--parallel", "1"))
    assert (outcome.run.status, outcome.run.failure.kind) == ("failed", "refused")
    assert "it has 1 slots, 4 were asked for" in outcome.run.failure.message
    assert outcome.run.cells == []
    assert outcome.rows("select failure_kind from runs") == [("refused",)]
    assert not outcome.reaches_the_page()
