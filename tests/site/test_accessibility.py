"""axe-core finds nothing: on every kind of page, narrow and wide, light and dark."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.site.alike import thin_out
from tests.site.every_kind import KINDS, any_two, page_of, set_width, touch_the_charts

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
EVERY_RULE: dict[str, Any] = {"rules": {"target-size": {"enabled": True}}}
"""Those of WCAG 2.0 to 2.2 and of good practice; the one of 2.2 AA is off by default."""
COLOURS: dict[str, Any] = {"runOnly": {"type": "tag", "values": ["cat.color"]}}
"""All that a theme can change."""
VIEWS = (
    (320, "light", EVERY_RULE),
    (412, "dark", COLOURS),
    (1350, "light", EVERY_RULE),
    (1350, "dark", COLOURS),
)


def violations(page: Page, rules: dict[str, Any]) -> dict[str, list[str]]:
    """The rules that are broken, each with the elements that break it."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    options = {"resultTypes": ["violations"], "preload": False, **rules}
    found = page.evaluate("options => axe.run(document, options)", options)
    return {
        fault["id"]: [node["target"][0] for node in fault["nodes"]] for fault in found["violations"]
    }


def assert_no_violations(page: Page) -> None:
    """Once those of each kind: axe's work grows faster than the number of elements."""
    thin_out(page)
    for width, theme, rules in VIEWS:
        set_width(page, width)
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        assert violations(page, rules) == {}, (width, theme)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("second")])
def test_a_page_as_it_comes_has_no_violation(page: Page, site: Path, kind: str):
    page.goto(page_of(site, kind).as_uri())
    assert_no_violations(page)


def test_filtered_tables_and_charts_drawn_anew_have_no_violation(page: Page, site: Path):
    page.goto((site / "index.html").as_uri())
    touch_the_charts(page)
    page.locator("#filters [name=backend]").select_option(index=1)
    page.wait_for_function("!document.querySelector('.chart[aria-busy]')")
    assert_no_violations(page)


def test_two_configurations_side_by_side_have_no_violation(page: Page, site: Path):
    page.goto(f"{(site / 'compare.html').as_uri()}?{any_two(site, page)}")
    page.locator("#compare-result").wait_for()
    assert_no_violations(page)


def test_what_breaks_a_rule_is_found(page: Page):
    page.set_content(
        """<!doctype html><html lang="en"><title>Faults</title><main><h1>Faults</h1>
        <style>a { font-size: 8px; } p { color: #999; background: #fff; }</style>
        <a href="#a">a</a><br><a href="#b">b</a><p>Too pale to read</p><button></button></main>"""
    )
    set_width(page, 1350)
    assert {"target-size", "color-contrast", "button-name"} <= set(violations(page, EVERY_RULE))
    assert set(violations(page, COLOURS)) == {"color-contrast"}
