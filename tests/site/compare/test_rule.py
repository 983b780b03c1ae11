"""What may be said of two figures side by side."""

import pytest

from bench_pipeline.site.compare.rule import BY_TURNS, Judgement, Value, outcome


def value(median: float) -> Value:
    return Value(str(median), "", median)


@pytest.mark.parametrize(
    ("reason", "said"), [("", BY_TURNS), ("too few turns", f"too few turns; {BY_TURNS}")]
)
def test_a_change_that_is_not_that_of_the_medians_beside_it_says_why(reason: str, said: str):
    judged = Judgement("faster", 1.315, 1.29, 1.34, reason)
    assert outcome(value(97.1), value(117.2), judged).reason == said


def test_a_change_whose_interval_holds_that_of_the_medians_needs_no_word():
    assert outcome(value(97.1), value(127.0), Judgement("faster", 1.3, 1.29, 1.34)).reason == ""
    assert outcome(value(97.1), value(117.2), Judgement("undecided", 1.3, None, None)).reason == ""
