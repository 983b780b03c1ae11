"""What disturbed one workload's measuring is said of that workload's figure, and of no other."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from bench_pipeline.site.tables.rows import TableRow
from tests.factories import measured_cell, measured_run
from tests.site.browsing import choose, visit
from tests.site.conftest import Made, make, on_h100

HEAT = {"device": "CUDA0", "throttle_reasons": ["thermal"]}


@pytest.fixture(scope="module")
def hot(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Chat undisturbed, retrieval while the card throttled; and another machine's figures."""
    cells = [measured_cell("chat", 1, decode_tok_s=700, device="CUDA0")]
    cells += [measured_cell("rag", 1, decode_tok_s=500, **HEAT)]
    made = make(
        tmp_path_factory.mktemp("hot"), [on_h100(cells=cells), measured_run(concurrencies=[1])]
    )
    made.build()
    return made


def on_the_card(hot: Made) -> TableRow:
    return next(row for row in hot.view.rows if row.hardware.rig == "h100-vm")


def test_a_range_has_the_flags_of_all_its_figures_and_each_figure_its_own(hot: Made):
    row = on_the_card(hot)
    assert (row.source_text, row.flags) == ("flagged", ("throttled",))
    chat, rag, *_ = row.figures
    assert (chat.source_text, chat.flags) == ("measured", ())
    assert (rag.source_text, rag.flags) == ("flagged", ("throttled",))


def test_a_chart_marks_only_the_figure_that_is_flagged(hot: Made):
    row = on_the_card(hot)
    marks = {
        chart.workload: mark
        for chart in hot.view.charts
        if chart.kind.name == "decode"
        for mark in chart.marks
        if mark.row == row
    }
    assert {name: mark.source for name, mark in marks.items()} == {
        "chat": "measured",
        "rag": "flagged",
    }
    assert marks["rag"].detail == f"{marks['chat'].detail} · flagged"


def test_a_row_says_of_the_chosen_workload_what_disturbed_it(hot: Made, page: Page):
    site: Path = hot.project.site
    row = on_the_card(hot)
    remarks = page.locator(f"#{row.id} .c-decode").locator(".badge:visible, .note:visible")
    visit(page, site)
    assert remarks.all_inner_texts() == ["flagged", "throttled", "2 of 4 workloads"]
    choose(page, "workload", "chat")
    assert remarks.all_inner_texts() == []
    choose(page, "workload", "rag")
    assert remarks.all_inner_texts() == ["flagged", "throttled"]
    choose(page, "workload", "agent")
    assert remarks.all_inner_texts() == []
    choose(page, "workload", "")
    assert remarks.all_inner_texts() == ["flagged", "throttled", "2 of 4 workloads"]


def test_the_first_screen_says_it_of_the_answer_that_it_disturbed(hot: Made):
    machine = next(machine for machine in hot.view.machines if machine.rig == "h100-vm")
    told = {
        board.workload: [answer.figure.source_text for answer in board.answers]
        for board in machine.boards
    }
    assert told == {"chat": ["measured"], "rag": ["flagged"], "codegen": [], "agent": []}
