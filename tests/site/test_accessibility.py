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

VIOLATIONS = """async ([rules, known, before]) => {
  const contrast = ["color-contrast", "color-contrast-enhanced"], found = [];
  const told = new Set(known), asked = new Map();
  const letters = element => (element.value || element.textContent).trim().length;
  const longest = alike => alike.reduce((a, b) => letters(b) > letters(a) ? b : a);
  for (const [looks, alike] of (BY_COLOURS)())
    if (!told.has(looks))
      for (const element of before.includes(looks) ? alike : [longest(alike)])
        asked.set(element, looks);
  if (rules.runOnly && !asked.size) return [[], [], []];  // nothing that a theme can change is new
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
  const looks = [...new Set(asked.values())];
  return [found, looks.filter(one => told.has(one)), looks.filter(one => !told.has(one))];
}""".replace("BY_COLOURS", BY_COLOURS)
"""Of words that look alike the longest are asked about, once in each theme for all pages; after
that, those that look otherwise, and all of which nothing could be told: others cover them, or one
letter is no word. And which were told now, and which not."""


class Told:
    """Looks of words whose contrast is known, and those asked about in vain, by theme."""

    def __init__(self) -> None:
        self.known: dict[str, set[str]] = {theme: set() for theme in RULES}
        self.in_vain: dict[str, set[str]] = {theme: set() for theme in RULES}


ON_ALL_PAGES = Told()


def violations(page: Page, theme: str, told: Told) -> dict[str, list[str]]:
    """The rules that are broken, each with the elements that break it; of contrast, what is not
    `told` in this theme yet."""
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    known, before = told.known[theme], told.in_vain[theme]
    found, now, in_vain = page.evaluate(VIOLATIONS, [RULES[theme], [*known], [*before]])
    known.update(now)
    before.update(in_vain)
    return dict(found)


def assert_no_violations(page: Page) -> None:
    """Once those of each kind: axe's work grows faster than the number of elements."""
    thin_out(page)
    for width, theme in VIEWS:
        set_width(page, width)
        assert violations(page, theme, ON_ALL_PAGES) == {}, (width, theme)


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
    told = Told()
    assert {"target-size", "color-contrast", "button-name"} <= set(violations(page, "light", told))
    assert set(violations(page, "dark", told)) == {"color-contrast"}


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
    found, told = {}, Told()
    for width, theme in ((320, "light"), (1350, "light"), (1350, "dark")):
        set_width(page, width)
        found[width, theme] = violations(page, theme, told)["color-contrast"]
    assert found == {
        (320, "light"): ["b:nth-child(2)", "i > span", "s:nth-child(5)", "em"],
        (1350, "light"): ["u"],
        (1350, "dark"): ["q"],
    }
