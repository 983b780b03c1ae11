"""Whether the counts of a reply can be believed."""

from dataclasses import replace

import pytest

from bench_pipeline.harness.client.counts import SILENT_AT_MOST, count_failure, miscount
from bench_pipeline.harness.client.streaming import Stream

ASKED = 48
GOOD = Stream(
    sent_at=0.0,
    ended_at=1.0,
    token_times=[0.02 * n for n in range(1, ASKED + 1)],
    server_token_ms=None,
    first_visible_at=0.02,
    reasoning_tokens=0,
    prompt_tokens=30,
    usage_prompt_tokens=30,
    cached_tokens=0,
    output_tokens=ASKED,
    usage_tokens=ASKED,
    event_counts=list(range(1, ASKED + 1)),
    texts=ASKED,
    server_prompt_ms=20.0,
    server_decode_ms=900.0,
    draft_tokens=None,
    draft_accepted=None,
    finish_reason="length",
)


def test_four_counts_that_agree_are_believed():
    assert miscount(GOOD, ASKED) is None


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"usage_tokens": None}, "no usage"),
        ({"usage_tokens": 47}, "48 tokens were asked for, the server's usage says 47, its timings"),
        ({"output_tokens": 49}, "its timings say 49"),
        ({"usage_tokens": 40, "output_tokens": 40}, "usage says 40, its timings say 40"),
        ({"usage_prompt_tokens": 54}, "usage says 54 prompt tokens, its timings say 30 and 0"),
        ({"texts": 50}, "text came 50 times"),
        ({"event_counts": [*range(1, 20), 3, *range(20, 49)]}, "fell from 19 to 3"),
        ({"event_counts": list(range(1, 60))}, "fell from 59 to 48"),
        ({"event_counts": list(range(1, 21))}, "numbers 21 to 48 came in one event or none"),
        ({"event_counts": list(range(30, 49))}, "numbers 1 to 30"),
        ({"event_counts": [*range(1, 9), *range(40, 49)]}, "numbers 9 to 40"),
        ({"event_counts": [1] * 48}, "numbers 2 to 48"),
    ],
)
def test_counts_that_differ_are_named_with_their_figures(fault: dict, said: str):
    assert said in str(miscount(replace(GOOD, **fault), ASKED))


@pytest.mark.parametrize(
    "counts",
    [
        list(range(2, 49)),  # the first event stands for two tokens
        [*range(1, 20), *range(24, 49)],  # a tag between, as the real server swallows it
        list(range(1, 48 - SILENT_AT_MOST + 1)),
        [*range(1, 49), 48],  # the last count once more
    ],
)
def test_a_few_tokens_without_an_event_of_their_own_are_as_it_should_be(counts: list[int]):
    assert miscount(replace(GOOD, event_counts=counts), ASKED) is None


def test_one_miscount_among_many_requests_is_a_failure():
    assert count_failure([], 12) is None
    failure = count_failure(["usage says 47"], 12)
    assert failure is not None and failure.kind == "miscounted"
    assert failure.message == "1 of 12 requests are miscounted; the first: usage says 47"
