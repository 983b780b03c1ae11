"""What fits in how much memory."""

from dataclasses import replace

import pytest
from playwright.sync_api import Page

from bench_pipeline.site.tables.fits import Fit, fits, sizes_of
from bench_pipeline.site.tables.rows import TableRow

GIB = 2**30


@pytest.fixture(scope="module")
def row(made) -> TableRow:
    return next(row for row in made.view.rows if row.concurrency == 1 and row.listed)


def needing(row: TableRow, *peaks_mib: float | None, size_bytes: int | None = None) -> TableRow:
    figures = [
        replace(row.listed[0], metrics={"memory_peak_mib": peak}, context_tokens=1000 + place)
        for place, peak in enumerate(peaks_mib)
    ]
    return replace(row, figures=tuple(figures), size_bytes=size_bytes)


def test_a_model_needs_the_least_that_a_server_held_with_the_context_it_had(row: TableRow):
    (fit,) = fits([needing(row, 9000.0, 7000.0, None), needing(row, 8000.0)])
    assert (fit.need, fit.context, fit.card_gb) == ("6.84 GiB", "1,001", 8)


def test_a_model_that_nobody_measured_here_needs_more_than_its_file(row: TableRow):
    (fit,) = fits([needing(row, None, size_bytes=5 * GIB)])
    assert (fit.need, fit.context, fit.card_gb) == ("over 5.00 GiB", "–", 6)
    assert fits([needing(row, None)]) == []


def test_a_card_is_not_filled_to_the_last_byte():
    def card_gb(need_gib: float) -> int | None:
        return Fit("m", "M", need_gib * GIB, True, None, None).card_gb

    assert [card_gb(gib) for gib in (3.8, 3.81, 23.0, 600.0)] == [4, 6, 32, None]


def test_only_memories_that_hold_more_than_a_smaller_one_are_offered():
    found = [Fit(str(gib), "M", gib * GIB, True, None, None) for gib in (1, 1.5, 7, 600)]
    assert sizes_of(found) == [(4, 2), (8, 3)]


def test_the_page_shows_what_a_card_of_the_chosen_size_holds(page: Page, site, made):
    page.goto(f"{(site / 'fits.html').as_uri()}?gb=4")
    small = [fit.name for fit in made.view.fits if fit.card_gb == 4]
    assert page.locator("#fitting tbody tr:visible th").all_inner_texts() == small
    assert page.locator("#fits-shown").inner_text().endswith(" in 4 GB")
    page.get_by_role("link", name="Any", exact=True).click()
    assert page.locator("#fitting tbody tr:visible").count() == len(made.view.fits)
