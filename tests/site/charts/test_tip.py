"""A drawn mark tells its row's numbers to the pointer and to a finger."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page

from bench_pipeline.site.runs.view import RunPage
from tests.site.conftest import Made

MARKS = "svg:visible .points_marks [data-row], svg:visible .rings_marks [data-row]"


@pytest.fixture(scope="module")
def run(made: Made) -> RunPage:
    """With a curve, a climb and the bare engine beside it."""
    runs = [run for model in made.view.models for run in model.runs]
    return next(run for run in runs if run.curve and run.scaling and run.bare)


def middle(mark: Locator) -> tuple[float, float]:
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def words(page: Page) -> str:
    return " ".join(page.locator("#chart-tip").inner_text().split())


def hover(page: Page, mark: Locator) -> str:
    page.mouse.move(*middle(mark))
    return words(page)


def test_a_curves_marks_tell_the_length_and_both_figures_there(
    page: Page, site: Path, run: RunPage
):
    page.goto((site / run.href).as_uri())
    for number, panel in enumerate(run.curve.panels):
        marks = (
            page.locator("#curve-title ~ .curve .panels svg")
            .nth(number)
            .locator(".points_marks [data-row]")
        )
        told = {mark.get_attribute("data-row"): hover(page, mark) for mark in marks.all()}
        assert set(told) == {str(row.depth_tokens) for row in run.curve.rows}
        for row in run.curve.rows:
            text = told[str(row.depth_tokens)]
            assert f"Prompt tokens: {row.depth_tokens:,}" in text
            assert f"n: {row.n}" in text
            for place, value in enumerate(row.values, start=2):
                shown = f"{value.text} {value.under}".strip()
                assert (f": {shown} " in f"{text} ") == (place in panel.cells), (shown, text)


@pytest.mark.parametrize("kind", ["run", "model", "trend"])
def test_every_mark_tells_what_its_row_of_the_table_says(
    page: Page, site: Path, run: RunPage, kind: str
):
    path = {"run": run.href, "model": run.model_href, "trend": "trends/shared-vm-2core-cpu.html"}
    page.goto((site / path[kind]).as_uri())
    page.locator("details.numbers").evaluate_all("all => all.forEach(one => { one.open = true; })")
    drawings = page.locator("figure svg:visible").all()
    assert drawings
    for drawing in drawings[:6]:
        mark = drawing.locator(".points_marks [data-row]").last
        row = mark.get_attribute("data-row")
        part = drawing.evaluate("svg => svg.closest('[data-part]')?.dataset.part")
        within = f'tbody[data-part="{part}"]' if part else "tbody"
        line = drawing.locator("xpath=ancestor::figure").locator(f'{within} tr[data-row="{row}"]')
        figures = line.locator("td.num").evaluate_all(
            "cells => cells.map(cell => cell.firstChild.textContent.trim())"
        )
        text = hover(page, mark)
        told = [figure for figure in figures if figure in text]
        assert len(told) >= 2, (figures, text)


def test_a_tap_beside_a_mark_tells_its_numbers_until_the_next_one(
    browser: Browser, site: Path, run: RunPage
):
    context = browser.new_context(
        viewport={"width": 412, "height": 823}, has_touch=True, offline=True
    )
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((site / run.href).as_uri())
    tip = page.locator("#chart-tip")
    assert tip.get_attribute("aria-hidden") == "true" and tip.is_hidden()
    x, y = middle(page.locator(MARKS).first)
    page.touchscreen.tap(x + 8, y + 8)
    assert tip.is_visible()
    box = tip.bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= 412
    page.keyboard.press("Escape")
    assert tip.is_hidden()
    page.touchscreen.tap(x + 8, y + 8)
    assert tip.is_visible()
    page.touchscreen.tap(5, 5)
    assert tip.is_hidden()
    assert not any("/lazy/" in url for url in asked)
    context.close()
