"""What a conversation costs, by hand."""

import pytest

from bench_pipeline.measures.conversations import trace_figures
from bench_pipeline.records.cell import Failure
from tests.trace_factories import PROMPTS, trace


def test_a_turn_s_cold_part_is_what_the_server_did_not_have():
    figures = trace_figures(trace())
    assert [turn.cached_tokens for turn in figures.turns] == [0, *PROMPTS[:-1]]
    assert [turn.cold_tokens for turn in figures.turns] == [400, 250, 550, 100]
    assert [turn.verdict for turn in figures.turns] == ["cold", "reused", "reused", "reused"]
    assert figures.sent_tokens == sum(PROMPTS)
    assert figures.cold_tokens == PROMPTS[-1], "each token is computed once"
    assert figures.cached_share == pytest.approx(1 - 1300 / 3550)


def test_a_turn_is_read_at_the_speed_of_its_cold_part_and_waited_for_as_long_as_that_takes():
    figures = trace_figures(trace(prefill_tok_s=700))
    for turn, cold in zip(figures.turns, (400, 250, 550, 100), strict=True):
        assert turn.prefill_tok_s.median == pytest.approx(700, rel=0.05)
        assert turn.ttft_ms.median == pytest.approx(cold / 0.7 + 9, rel=0.05)


def test_the_whole_is_from_the_first_turn_sent_to_the_end_of_the_last_reply():
    told = trace(repetitions=3)
    figures = trace_figures(told)
    of_one = [request for request in told.requests if request.wave == 1]
    by_hand = of_one[-1].sent_at_ms + of_one[-1].end_to_end_ms - of_one[0].sent_at_ms
    assert figures.n == 3
    assert figures.trace_ms.lo <= by_hand <= figures.trace_ms.hi
    assert figures.waiting_ms.median < figures.trace_ms.median
    assert sum(turn.ttft_ms.median for turn in figures.turns) == pytest.approx(
        figures.waiting_ms.median, rel=0.02
    )


def test_a_server_that_computes_again_what_it_had_is_said_to_be_short():
    verdicts = [turn.verdict for turn in trace_figures(trace(short=40)).turns]
    assert verdicts == ["cold", "short", "short", "short"]


def test_of_a_server_that_tells_no_counts_neither_part_is_known():
    figures = trace_figures(trace(told=False))
    assert {turn.verdict for turn in figures.turns} == {"untold"}
    assert {turn.cold_tokens for turn in figures.turns} == {None}
    assert (figures.cold_tokens, figures.cached_share) == (None, None)
    assert figures.turns[1].prefill_tok_s is None
    assert figures.trace_ms is not None


def test_a_failed_conversation_has_no_figures():
    figures = trace_figures(trace(failure=Failure(kind="contaminated", message="of another")))
    assert (figures.n, figures.trace_ms, figures.cold_tokens) == (0, None, None)
    assert {turn.ttft_ms for turn in figures.turns} == {None}
