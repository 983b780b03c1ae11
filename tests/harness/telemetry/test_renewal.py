"""How often a driver renews its power, told from the values alone."""

import random

import pytest

from bench_pipeline.harness.telemetry.renewal import POLL_S, RenewalSearch, sampling_interval_s


def search(value, *, stalls=()):
    found, now, number = RenewalSearch(0.0), 0.0, 0
    while not found.over:
        found.look(now, value(now))
        number += 1
        now += 0.06 if number in stalls else POLL_S
    return found.renewal_s


@pytest.mark.parametrize("period_s", [0.02, 0.05, 0.1, 0.2, 0.9])
def test_the_period_of_the_changes_is_found(period_s):
    assert search(lambda at: at // period_s) == pytest.approx(period_s, abs=0.011)


def test_a_value_renewed_with_the_same_figure_now_and_then_does_not_mislead():
    noise = random.Random(1)
    values = [noise.choice([60, 61, 62, 63]) for _ in range(100)]
    assert search(lambda at: values[int(at / 0.1)]) == pytest.approx(0.1, abs=0.011)


def test_a_card_that_wakes_meanwhile_is_found_out_once_it_works():
    assert search(lambda at: max(at, 4.0) // 0.1) == pytest.approx(0.1, abs=0.011)


def test_polls_that_stall_do_not_mislead():
    assert search(lambda at: at // 0.1, stalls={7, 20, 21}) == pytest.approx(0.1, abs=0.021)


@pytest.mark.parametrize("value", [lambda at: 60, lambda at: None, lambda at: at // 2.0])
def test_what_hardly_changes_or_cannot_be_read_tells_nothing(value):
    assert search(value) is None


def test_sampling_keeps_within_what_it_may_cost():
    assert sampling_interval_s(None) == 0.1
    assert sampling_interval_s(0.1) == 0.1
    assert sampling_interval_s(0.01) == 0.05
    assert sampling_interval_s(7.0) == 1.0
