"""Drawings and what stands around them in the fonts that visitors have: as built and drawn anew
after a touch, no word is cut off, none covers another, and none depends on a font's widths."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import installed_chromium
from tests.site.charts import fonts
from tests.site.every_kind import page_of, set_width, touch_the_charts

WIDTHS = (320, 412, 1350)
OTHERS = ("model", "run", "trend", "rig", "data")
"""Kinds of page that have drawings or long names, beside those with charts of configurations."""


@dataclass(frozen=True)
class Visitor:
    font: str
    least_px: int | None = None
    """What the browser makes of all smaller letters."""


VISITORS = {
    "Liberation": Visitor("Liberation Sans"),
    "DejaVu alone": Visitor("DejaVu Sans"),
    "letters of 20 px at least": Visitor("DejaVu Sans", 20),
}


@pytest.fixture(scope="module", params=VISITORS.values(), ids=VISITORS.keys())
def visit(
    request: pytest.FixtureRequest, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """A page of a browser that is the visitor's."""
    visitor: Visitor = request.param
    least = [f"--blink-settings=minimumFontSize={visitor.least_px}"] if visitor.least_px else []
    browser = browser.browser_type.launch(
        executable_path=installed_chromium(),
        args=["--no-sandbox", *least],
        env=fonts.only(visitor.font, tmp_path_factory.mktemp("fonts")),
    )
    page = browser.new_context(offline=True).new_page()
    page.set_content("<small style='font-size: 9px'>measured</small>")
    assert fonts.used(page, "small") == {visitor.font}
    size = page.locator("small").evaluate("small => getComputedStyle(small).fontSize")
    assert size == f"{visitor.least_px or 9}px"
    yield page
    browser.close()


@pytest.fixture(scope="module")
def pages(built: Path, site: Path) -> list[Path]:
    configurations = [built / "index.html", next((built / "families").glob("smollm2.html"))]
    return [*configurations, *(page_of(site, kind) for kind in OTHERS)]


SEEN = """() => {
  const shown = box => box.width && box.height;
  const inside = (box, home) => box.left >= home.left - 1 && box.right <= home.right + 1
    && box.top >= home.top - 2 && box.bottom <= home.bottom + 2;
  const cover = (one, other) =>
    Math.min(one.right, other.right) - Math.max(one.left, other.left) > 1
    && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 2;
  const drawings = Array.from(document.querySelectorAll("svg.drawing, svg.strip"))
    .filter(svg => shown(svg.getBoundingClientRect()))
    .map(svg => {
      const home = svg.getBoundingClientRect();
      const scale = home.width / svg.viewBox.baseVal.width;
      const words = Array.from(svg.querySelectorAll("text"))
        .filter(text => text.textContent && text.getAttribute("opacity") !== "0")
        .map(text => {
          const box = text.getBoundingClientRect();
          const held = parseFloat(text.getAttribute("textLength")) * scale;
          return { text: text.textContent, box, off: Math.abs(box.width - held) };
        });
      const texts = those => those.map(each => each.text);
      return {
        words: texts(words),
        outside: home.right > document.documentElement.clientWidth + 0.5,
        small: 12 * scale < 11,
        clipped: texts(words.filter(each => !inside(each.box, home))),
        free: texts(words.filter(each => !(each.off < 1.5))),  // a last letter's cell may stand out
        covering: words.flatMap((one, place) => words.slice(place + 1)
          .filter(other => cover(one.box, other.box)).map(other => [one.text, other.text])),
      };
    });
  const cut = Array.from(document.querySelectorAll("main *"))
    .filter(each => !each.closest("svg, .unseen") && each.scrollWidth > each.clientWidth + 1
      && ["hidden", "clip"].includes(getComputedStyle(each).overflowX)
      && getComputedStyle(each).clipPath === "none")  // else for who listens to the page
    .map(each => each.textContent);
  return { drawings, cut, width: document.documentElement.scrollWidth };
}"""


def faults(page: Page, width: int) -> dict[str, Any]:
    """What a visitor with a window of that width would not want to see, by kind."""
    seen = page.evaluate(SEEN)
    found: dict[str, Any] = {"cut": seen["cut"], "wider than its window": seen["width"] > width}
    for kind in ("outside", "small", "clipped", "free", "covering"):
        found[kind] = [each[kind] for each in seen["drawings"] if each[kind]]
    return {kind: those for kind, those in found.items() if those}


def resize(page: Page, width: int) -> None:
    """And waits for the charts that are drawn anew for it."""
    set_width(page, width)
    page.wait_for_function(
        """() => Array.from(document.querySelectorAll(".chart:not([hidden])")).every(chart =>
          chart.size === (chart.querySelector(".drawings").clientWidth >= 560 ? "wide" : "narrow"))
        """
    )


DRAWN = """svgs => svgs.flatMap(svg =>
  Array.from(svg.querySelectorAll("text, .role-mark path, .role-mark line, .role-axis line"))
    .filter(each => each.getAttribute("opacity") !== "0")
    .map(each => [svg.closest("figure").id, each.tagName, each.children.length ? "" :
      each.textContent, ...["lengthAdjust", "font-family", "textLength", "transform", "d", "x2",
      "y2"].map(name => each.getAttribute(name) || "")].join(" ")))"""
NUMBER = re.compile(r"-?\d+\.?\d*(?:e-\d+)?")


def assert_drawn_as(before: list[str], after: list[str]) -> None:
    """The same words and marks, at the same places."""
    assert [NUMBER.sub("", each) for each in after] == [NUMBER.sub("", each) for each in before]
    for one, other in zip(before, after, strict=True):
        places = [list(map(float, NUMBER.findall(each))) for each in (one, other)]
        assert places[1] == pytest.approx(places[0], abs=0.06), (one, other)


def test_no_word_is_cut_or_covered_and_what_is_drawn_after_a_touch_is_what_came_with_the_page(
    visit: Page, pages: list[Path]
):
    drawn = 0
    for path in pages:
        set_width(visit, WIDTHS[0])
        visit.goto(path.as_uri())
        visit.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
        charts, built = visit.locator(".chart .drawing:visible"), {}
        for width in WIDTHS:
            set_width(visit, width)
            assert faults(visit, width) == {}, (path.name, width, "as built")
            built[width] = charts.evaluate_all(DRAWN)
        drawn += visit.locator("svg.drawing:visible, svg.strip").count()
        if count := charts.count():
            touch_the_charts(visit)
            for width in reversed(WIDTHS):
                resize(visit, width)
                assert faults(visit, width) == {}, (path.name, width, "after a touch")
                assert visit.locator(".drawings > div .drawing").count() == count
                assert_drawn_as(built[width], charts.evaluate_all(DRAWN))
    assert drawn > 20
