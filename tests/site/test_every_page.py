"""What holds for every page, in a real browser over file:// and without any network."""

import re
from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.site.browsing import asked, render_all
from tests.site.every_kind import (
    KINDS,
    WIDTHS,
    any_two,
    open_everything,
    page_of,
    set_width,
    touch_the_charts,
)


def side_by_side(pages: list[Path]) -> str:
    """A page with each of these in a frame of a desktop's size: in windows they take longer."""
    frame = '<iframe width="1350" height="900" src="{}"></iframe>'
    frames = "".join(frame.format(path.as_uri()) for path in pages)
    return f"<!doctype html><title>All</title>{frames}"


def test_every_page_opens_without_asking_for_anything_else(page: Page, site: Path, tmp_path: Path):
    pages = sorted(site.rglob("*.html"))
    together = tmp_path / "all.html"
    together.write_text(side_by_side(pages))
    with asked(page) as urls:
        page.goto(together.as_uri())
        heads = "document.querySelectorAll('h1').length"
        opened = {frame.url: frame.evaluate(heads) for frame in page.main_frame.child_frames}
        assert opened == {path.as_uri(): 1 for path in pages}
        page.goto((site / "index.html").as_uri())
        touch_the_charts(page)
        page.locator("#filters [name=backend]").select_option(index=1)
        page.goto(f"{(site / 'compare.html').as_uri()}?{any_two(site, page)}")
        page.locator("#compare-result").wait_for()
    known = (site.as_uri(), together.as_uri(), "data:")
    assert [url for url in urls if not url.startswith(known)] == []
    assert {path.as_uri() for path in (site / "lazy").glob("*.js")} <= set(urls)
    assert len(pages) > 20


def numbers(page: Page) -> Counter[str]:
    """Every number that can be read on the page, but those of the forms, and of the line that
    says again which machine a filter has chosen."""
    words = page.locator("main").evaluate(
        """main => {
          const left = main.querySelectorAll("form, select, #best-shown");
          left.forEach(each => each.style.setProperty("display", "none", "important"));
          const words = main.innerText;
          left.forEach(each => each.style.removeProperty("display"));
          return words;
        }"""
    )
    return Counter(re.findall(r"(?<![\w.,])\d[\d.,]*", words))


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_whole_without_a_script_and_nothing_is_wider_than_the_window(
    page: Page, without_script: Page, site: Path, kind: str
):
    address = page_of(site, kind).as_uri()
    for opened in (page, without_script):
        opened.goto(address)
        render_all(opened)
    for what in (".drawing:visible", ".definitions div:visible", "main a[href*='data/']:visible"):
        assert without_script.locator(what).count() >= page.locator(what).count(), what
    wanted = numbers(page)
    assert wanted
    assert wanted - numbers(without_script) == Counter()
    for widths, everything in ((WIDTHS, False), (WIDTHS[::-1], True)):
        if everything:
            open_everything(page)
        for width in widths:
            set_width(page, width)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert faults_of_drawings(page) == [], (width, everything)


def faults_of_drawings(page: Page) -> list[str]:
    """Of the drawings that can be seen: wider than their place, text that is small or cut off."""
    found: list[str] = page.locator("main svg:visible").evaluate_all(
        """drawings => drawings.flatMap(svg => {
          const box = svg.getBoundingClientRect(), place = svg.parentNode.getBoundingClientRect();
          const scale = svg.getScreenCTM().a;
          const faults = box.right > place.right + 0.5 ? ["wider than its place"] : [];
          svg.querySelectorAll("text").forEach(text => {
            const own = text.getBoundingClientRect();
            const size = parseFloat(getComputedStyle(text).fontSize) * scale;
            if (own.width && size < 11) faults.push(size + " px: " + text.textContent.trim());
            if (own.left < box.left - 1 || own.right > box.right + 1)
              faults.push("cut off: " + text.textContent.trim());
          });
          return faults;
        })"""
    )
    return found


def test_drawings_that_are_too_small_or_cut_off_are_found(page: Page):
    page.set_content(
        """<main><div style="width: 200px">
        <svg viewBox="0 0 400 20" style="width: 300px"><text x="390" y="12" font-size="12">
        nine</text></svg></div></main>"""
    )
    assert faults_of_drawings(page) == ["wider than its place", "9 px: nine", "cut off: nine"]
