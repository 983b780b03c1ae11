"""The knee: the last concurrency whose step paid."""

import pytest

from bench_pipeline.measures.knee import aggregates, growth, knee_of, knee_of_caps
from bench_pipeline.records.cell import Cell, Wave
from tests.factories import failed_cell
from tests.measures.test_cells import cell


def at(concurrency: int, aggregate: float, workload: str = "chat") -> Cell:
    waves = [
        Wave(wave=n, all_busy_ms=1000.0, all_busy_tokens=round(aggregate) + change)
        for n, change in enumerate((-1, 0, 2))
    ]
    return cell([[40.0] * concurrency] * 3, concurrency=concurrency, waves=waves, workload=workload)


def test_aggregates_are_the_cells_medians_by_concurrency_and_workload() -> None:
    cells = [at(1, 100), at(1, 90, "rag"), at(4, 300)]
    assert aggregates(cells) == {1: {"chat": 100.0, "rag": 90.0}, 4: {"chat": 300.0}}


def test_a_failed_cell_has_no_aggregate() -> None:
    assert aggregates([at(1, 100), failed_cell("chat", 4)]) == {1: {"chat": 100.0}}


def test_growth_is_the_median_over_workloads() -> None:
    before = {"chat": 100.0, "rag": 100.0, "codegen": 100.0}
    after = {"chat": 110.0, "rag": 130.0, "codegen": 300.0}
    assert growth(before, after) == pytest.approx(0.3)


def test_growth_compares_only_what_both_have() -> None:
    assert growth({"chat": 100.0, "rag": 100.0}, {"rag": 120.0}) == pytest.approx(0.2)
    assert growth({"chat": 100.0}, {"rag": 120.0}) is None
    assert growth({}, {}) is None


def climb(*rates: float) -> dict[int, dict[str, float]]:
    return {c: {"chat": rate} for c, rate in zip((1, 4, 8, 16), rates, strict=False)}


def test_the_knee_is_the_step_before_the_one_that_did_not_pay() -> None:
    assert knee_of(climb(100, 300, 400, 410)) == 8


@pytest.mark.parametrize(
    ("last", "knee"),
    [
        (315.0, None),  # 5 % more still pays
        (314.0, 4),
        (290.0, 4),  # and less is worse than nothing
    ],
)
def test_less_than_five_percent_more_does_not_pay(last: float, knee: int | None) -> None:
    assert knee_of(climb(100, 300, last)) == knee


def test_a_climb_that_never_ends_has_no_knee() -> None:
    assert knee_of(climb(100, 300, 500, 800)) is None
    assert knee_of(climb(100)) is None
    assert knee_of({}) is None


def test_steps_are_taken_in_order_of_concurrency() -> None:
    backwards = dict(reversed(climb(100, 300, 400, 410).items()))
    assert knee_of(backwards) == 8


def test_a_step_that_cannot_be_judged_is_no_knee() -> None:
    assert knee_of({1: {"chat": 100.0}, 4: {}, 8: {"chat": 100.0}}) is None


def test_the_knee_of_caps_is_the_lowest_that_keeps_the_speed():
    assert knee_of_caps({200: 80, 250: 96, 300: 99, 350: 100}) == 250


def test_a_knee_outside_of_what_was_measured_is_not_told():
    assert knee_of_caps({200: 97, 250: 99, 300: 100}) is None  # the lowest keeps it
    assert knee_of_caps({200: 60, 250: 80, 300: 100}) is None  # the highest alone does
    assert knee_of_caps({200: 80, 300: 100}) is None
