"""The tables of speeds that a person reads in the UI and in a terminal."""

import pytest

from bench_pipeline.defs.assets.cards import SPEED_HEADINGS, speed_rows
from tests.factories import failed_cell, measured_cell, measured_run


def only_row(**shape: object) -> dict[str, str]:
    cell = measured_cell("chat", 1, **{"decode_tok_s": 115.0, **shape})  # type: ignore[arg-type]
    (row,) = speed_rows(measured_run(cells=[cell]))
    return dict(zip(SPEED_HEADINGS, row, strict=True))


def test_a_good_cell_shows_its_interval_and_repetitions() -> None:
    row = only_row()
    assert " – " in row["95\u00a0%"]
    assert row["n"] == "5"


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ({"arrival_ratio": 2.0}, "not listed: tokens came late"),
        ({"clock_ratio": 1.05}, "not listed: clocks disagree"),
    ],
)
def test_a_figure_that_no_page_lists_says_so(shape: dict[str, float], words: str) -> None:
    assert only_row(**shape)["95\u00a0%"] == words


def test_a_failed_cell_has_no_figures() -> None:
    ((_, _, words, *figures),) = speed_rows(measured_run(cells=[failed_cell("chat", 4)]))
    assert (words, set(figures)) == ("crashed", {""})
