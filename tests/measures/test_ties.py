import pytest

from bench_pipeline.measures.ties import Known, standings


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ([Known(100, 99, 101), Known(90, 89, 91)], ["fastest", "slower"]),
        ([Known(99.5, 99, 100.2), Known(100, 99.9, 101)], ["tied", "tied"]),
        ([Known(90, 89, 91), Known(100, 99, 101), Known(99, 98, 99)], ["slower", "tied", "tied"]),
        ([Known(100, 99, 101)], ["unjudged"]),
        ([None, Known(100, 99, 101)], ["unjudged", "unjudged"]),
        (
            [Known(500, None, None), Known(100, 99, 101), Known(90, 89, 91)],
            ["unjudged", "fastest", "slower"],
        ),
        ([], []),
    ],
    ids=["apart", "overlap", "touching is overlap", "alone", "no figure", "no interval", "none"],
)
def test_a_tie_is_an_overlap_with_the_interval_of_the_highest_median(figures, expected):
    assert standings(figures, {}) == expected


def test_a_tie_is_with_the_best_not_with_a_neighbour():
    chain = [Known(100, 98, 102), Known(97, 95, 99), Known(94, 92, 96)]
    assert standings(chain, {}) == ["tied", "tied", "slower"]


CLOSE = [Known(100, 97, 103, "a"), Known(98, 95, 101, "b"), Known(90, 88, 92, "c")]
APART = [Known(100, 99, 101, "a"), Known(97, 96, 98, "b")]


@pytest.mark.parametrize(
    ("figures", "verdicts", "expected"),
    [
        (CLOSE, {("a", "b"): "slower"}, ["fastest", "slower", "slower"]),
        (CLOSE, {("a", "b"): "no difference"}, ["tied", "tied", "slower"]),
        (APART, {("a", "b"): "undecided"}, ["tied", "tied"]),
        (APART, {("a", "x"): "undecided"}, ["fastest", "slower"]),
        (CLOSE, {("a", "b"): "faster", ("b", "a"): "slower"}, ["slower", "fastest", "slower"]),
    ],
    ids=["judged slower", "no difference", "undecided", "of others", "against the medians"],
)
def test_what_was_measured_in_turns_ties_or_not_by_its_verdict(figures, verdicts, expected):
    assert standings(figures, verdicts) == expected
