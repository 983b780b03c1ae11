"""What is believed of a cell's streams, whoever sent them."""

from dataclasses import replace

import pytest

from bench_pipeline.engines.dialects.dasllama import DIALECT as DASLLAMA
from bench_pipeline.engines.dialects.transformers import DIALECT as TRANSFORMERS
from bench_pipeline.harness.client.verdict import Judging, judge
from tests.harness.client.replayed import (
    ASKED,
    DONE,
    STEP_S,
    Sent,
    ended,
    finish,
    honest,
    read,
    role,
    text,
    usage,
    words,
)

DECODE_MS = (ASKED - 1) * STEP_S * 1000


def of_das(*sent: Sent):
    return judge([[read(one, DASLLAMA)] for one in sent], ASKED, DASLLAMA)


def test_two_clocks_that_agree_are_two():
    verdict = of_das(honest(), honest(), honest())
    assert (verdict.clocks, verdict.agree, verdict.failure) == ("two", True, None)


@pytest.mark.parametrize(("off", "agree"), [(1.005, True), (0.985, False), (1.015, False)])
def test_clocks_agree_within_one_percent_on_the_median(off: float, agree: bool):
    astray = honest(decode_ms=DECODE_MS * 3)  # a request in three is no median
    assert of_das(honest(), honest(), astray).agree is True
    assert of_das(*[honest(decode_ms=DECODE_MS * off)] * 3).agree is agree


def test_a_server_that_tells_no_time_is_one_clock_and_agrees_with_nothing():
    sent = ended(words(), finish(), usage(cached=None))
    verdict = judge([[read(sent, TRANSFORMERS)]], ASKED, TRANSFORMERS)
    assert (verdict.clocks, verdict.agree, verdict.failure) == ("one", None, None)


def test_a_reply_that_came_in_one_read_has_no_time():
    """On a starved machine: 128 events, one token each, in one read; every count was right."""
    whole = b"".join(data for _, data in honest())
    verdict = of_das(honest(), [(0.9, whole)])
    assert verdict.failure is not None and verdict.failure.kind == "unclocked"
    assert "8 of 16 events" in verdict.failure.message


def test_a_hiccup_is_borne():
    """Up to a twentieth of a cell's events."""
    once = [*words(ASKED - 2), (0.65, text() + text() + finish() + usage(gen_ms=DECODE_MS) + DONE)]
    assert of_das(once, *[honest()] * 5).failure is None  # 2 of 48
    assert of_das(once, *[honest()] * 3).failure is not None  # 2 of 32


def test_a_reply_that_is_not_streamed_has_no_time():
    """All tokens in one event."""
    sent = [(0.1, role()), (0.9, text("all of it") + finish() + usage(gen_ms=DECODE_MS))]
    verdict = of_das(sent)
    assert verdict.failure is not None and "all at once" in verdict.failure.message


def test_a_cached_head_fails_only_where_caching_can_be_off():
    """3 to 5 tokens of a template stay cached in spite of a nonce."""
    verdict = of_das(honest(cached=5))
    assert verdict.failure is not None and verdict.failure.kind == "contaminated"

    class Caching(type(DASLLAMA)):  # type: ignore[misc]
        head_tokens = 16

    always = Caching()
    for cached, failed in ((5, False), (16, False), (17, True)):
        verdict = judge([[read(honest(cached=cached), always)]], ASKED, always)
        assert (verdict.failure is not None) is failed


def test_streams_that_waited_for_each_other_are_refused():
    """One slot under two clients: each decodes as fast as alone, the wait hides in the TTFT."""
    first, second = read(honest(), TRANSFORMERS), read(honest(), TRANSFORMERS)
    assert judge([[first, second]], ASKED, TRANSFORMERS).failure is None
    assert second.span is not None and second.finished_at is not None
    later = tuple(moment + 0.5 for moment in second.span)
    queued = replace(second, span=later, finished_at=second.finished_at + 0.5)
    verdict = judge([[first, queued]], ASKED, TRANSFORMERS)
    assert verdict.failure is not None and verdict.failure.kind == "refused"
    judging = Judging(TRANSFORMERS)
    judging.hear([first, queued], ASKED)
    assert judging.in_vain  # a wave of a thousand tokens each takes minutes
    # of slots that were proven, a long prompt may be read while others' answers are written
    assert judge([[first, queued]], ASKED, DASLLAMA).failure is None


def test_a_text_s_end_that_the_server_computes_is_in_both_clocks():
    """Compared over one span, though the rate is over that of the tokens."""
    at = 0.3 + (ASKED - 1) * STEP_S
    last = finish("stop") + usage(ASKED - 1, ttft_ms=290.0, gen_ms=DECODE_MS)
    verdict = of_das([*words(ASKED - 1), (at, last)])
    assert (verdict.agree, verdict.failure) == (True, None)


def test_a_miscount_fails_the_cell():
    verdict = of_das(honest(), honest(output=ASKED - 1))
    assert verdict.failure is not None and verdict.failure.kind == "miscounted"
    assert "1 of 2 requests" in verdict.failure.message
