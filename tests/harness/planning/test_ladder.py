"""Which concurrency is measured next, and why there is none after it."""

import pytest

from bench_pipeline.harness.planning.ladder import STEPS, next_step, planned
from bench_pipeline.records.cell import Cell, Wave
from tests.factories import failed_cell
from tests.measures.test_cells import cell


def at(concurrency: int, aggregate: int, workload: str = "chat") -> Cell:
    waves = [Wave(wave=n, all_busy_ms=1000.0, all_busy_tokens=aggregate) for n in range(3)]
    return cell([[40.0] * concurrency] * 3, concurrency=concurrency, waves=waves, workload=workload)


def test_a_climb_begins_with_one_stream() -> None:
    assert next_step("knee", []) == STEPS[0] == 1
    assert planned("knee") == STEPS


def test_it_goes_on_while_all_streams_together_grow() -> None:
    assert next_step("knee", [at(1, 100)]) == 4
    assert next_step("knee", [at(1, 100), at(4, 250)]) == 8
    assert next_step("knee", [at(1, 100), at(4, 250), at(8, 300)]) == 16


def test_it_ends_flat_when_a_step_hardly_pays() -> None:
    assert next_step("knee", [at(1, 100), at(4, 104)]) == "flat"
    assert next_step("knee", [at(1, 100), at(4, 250), at(8, 200)]) == "flat"


def test_every_workload_has_its_say() -> None:
    below = [at(1, 100, "chat"), at(1, 100, "rag"), at(1, 100, "codegen")]
    above = [at(4, 90, "chat"), at(4, 150, "rag"), at(4, 200, "codegen")]
    assert next_step("knee", [*below, *above]) == 8  # the median workload grew by half


def test_a_failed_cell_ends_the_climb() -> None:
    assert next_step("knee", [failed_cell("chat", 1)]) == "failed"
    assert next_step("knee", [at(1, 100), failed_cell("chat", 4)]) == "failed"
    mixed = [at(1, 100), at(1, 100, "rag"), at(4, 250), failed_cell("rag", 4)]
    assert next_step("knee", mixed) == "failed"


def test_a_step_without_an_aggregate_cannot_be_judged() -> None:
    never_all_busy = cell([[40.0] * 4] * 3, concurrency=4)
    assert next_step("knee", [at(1, 100), never_all_busy]) == "failed"


def test_still_growing_at_the_highest_it_ends_at_the_limit() -> None:
    cells = [at(step, 100 * step) for step in STEPS]
    assert next_step("knee", cells[:-1]) == STEPS[-1]
    assert next_step("knee", cells) == "limit"


@pytest.mark.parametrize("wanted", [(1,), (1, 4), (8, 2)])
def test_what_was_asked_for_is_measured_in_that_order_flat_or_not(wanted: tuple[int, ...]) -> None:
    cells: list[Cell] = []
    for concurrency in wanted:
        assert next_step(wanted, cells) == concurrency
        cells.append(at(concurrency, 100))
    assert next_step(wanted, cells) == "asked"


def test_what_was_asked_for_is_tried_after_a_failure_too() -> None:
    assert next_step((1, 4), [failed_cell("chat", 1)]) == 4
