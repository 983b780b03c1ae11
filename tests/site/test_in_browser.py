"""What a visitor meets, in a real browser, over file:// and without any network."""

from pathlib import Path

from playwright.sync_api import Page

from bench_pipeline.measures.definitions import DEFINITIONS
from tests.site.browsing import visit


def test_a_definition_shows_on_focus_and_hover_and_escape_closes_it(page: Page, site: Path):
    visit(page, site)
    tip = page.locator("#tip")
    assert tip.is_hidden()
    page.locator("th[data-column=quant] button").first.focus()
    assert tip.inner_text().strip() == DEFINITIONS["quant"].meaning
    page.keyboard.press("Escape")
    assert tip.is_hidden()
    page.locator("th[data-column=decode] button").first.hover()
    assert tip.inner_text().strip() == DEFINITIONS["decode_tok_s"].meaning
    page.locator("#tip").hover()
    page.wait_for_timeout(300)
    assert tip.is_visible()
    page.locator("h1").hover()
    page.wait_for_function("document.querySelector('#tip').hidden")


def test_the_theme_can_be_chosen_and_is_kept(page: Page, site: Path):
    page.emulate_media(color_scheme="light")
    visit(page, site)
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.locator("#theme").click()
    page.locator("#theme").click()
    assert page.locator("#theme").inner_text() == "Theme: dark"
    assert page.evaluate(background) != light
    page.reload()
    assert page.evaluate(background) != light
    page.emulate_media(media="print")
    assert page.evaluate(background) == light
