"""axe-core finds nothing: on every kind of page, narrow and wide, light and dark."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.site.alike import BY_COLOURS, thin_out
from tests.site.every_kind import KINDS, any_two, page_of, set_width, touch_the_charts

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
EVERY_RULE: dict[str, Any] = {"rules": {"target-size": {"enabled": True}}}
"""Those of WCAG 2.0 to 2.2 and of good practice; the one of 2.2 AA is off by default."""
COLOURS: dict[str, Any] = {"runOnly": {"type": "tag", "values": ["cat.color"]}}
"""All that a theme can change."""
RULES = {"light": EVERY_RULE, "dark": COLOURS}
VIEWS = ((320, "light"), (412, "dark"), (1350, "light"), (1350, "dark"))

VIOLATIONS = """async ([theme, rules]) => {
  const contrast = ["color-contrast", "color-contrast-enhanced"], found = [];
  const before = (window.coloursTold ||= {})[theme], told = window.coloursTold[theme] ||= new Set();
  const letters = element => (element.value || element.textContent).trim().length;
  const longest = alike => alike.reduce((a, b) => letters(b) > letters(a) ? b : a);
  const asked = new Map();
  for (const [looks, alike] of (BY_COLOURS)())
    if (!told.has(looks))
      for (const element of before ? alike : [longest(alike)]) asked.set(element, looks);
  for (const element of asked.keys()) element.dataset.asked = "";
  axe.configure({ rules: contrast.map(id => ({ id, selector: "[data-asked]" })) });
  await axe.run({ ...rules, preload: false, reporter: (results, _, done) => {
    for (const { id, passes, violations } of results) {
      if (violations.length) found.push([id, violations.map(fault => fault.node.selector[0])]);
      if (contrast.includes(id))
        for (const { node } of [...passes, ...violations]) told.add(asked.get(node.element));
    }
    done();
  } });
  for (const element of asked.keys()) delete element.dataset.asked;
  return found;
}""".replace("BY_COLOURS", BY_COLOURS)
"""Of words alike in kind and colours the longest are asked about, once in each theme; at another
width those that look otherwise there, and all of which nothing could be told: others cover them,
or one letter is no word."""


def violations(page: Page, theme: str) -> dict[str, list[str]]:
    """The rules that are broken, each with the elements that break it; of contrast in this theme,
    what no earlier call has told."""
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    return dict(page.evaluate(VIOLATIONS, [theme, RULES[theme]]))


def assert_no_violations(page: Page) -> None:
    """Once those of each kind: axe's work grows faster than the number of elements."""
    thin_out(page)
    for width, theme in VIEWS:
        set_width(page, width)
        assert violations(page, theme) == {}, (width, theme)


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
    assert {"target-size", "color-contrast", "button-name"} <= set(violations(page, "light"))
    assert set(violations(page, "dark")) == {"color-contrast"}


def test_words_that_are_pale_in_one_row_theme_or_width_or_on_one_ground_are_found(page: Page):
    page.set_content(
        """<!doctype html><html lang="en"><title>Faults</title><style>
        body { color: #111; background: #fff; } b:nth-of-type(2), s { color: #bbb; }
        i { background: #222; display: block; } i span { background: inherit; }
        @media (max-width: 500px) { em { color: #bbb; } u { display: none; } }
        @media (prefers-color-scheme: dark) { body { color: #eee; background: #111; } }
        </style><main><h1>Faults</h1><p><b>one</b><b>two</b> <span>ground</span></p>
        <i><span>ground</span></i><s>-</s><s>struck</s>
        <em>narrow</em><u style="color: #ddd">wide</u><q style="color: #444">light</q></main>"""
    )
    found = {}
    for width, theme in ((320, "light"), (1350, "light"), (1350, "dark")):
        set_width(page, width)
        found[width, theme] = violations(page, theme)["color-contrast"]
    assert found == {
        (320, "light"): ["b:nth-child(2)", "i > span", "s:nth-child(5)", "em"],
        (1350, "light"): ["u"],
        (1350, "dark"): ["q"],
    }
