"""A trend page in a real browser, at the widths of phones and desks."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from bench_pipeline.site.pages.press import Press
from tests.site.every_kind import set_width
from tests.site.trends.trend_rows import pages_of, tables, three_builds

PLACE = "trends/shared-vm-2core-cpu.html"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trends")
    press = Press()
    found = pages_of(press, tables(*three_builds()))
    for path, content in {**press.files, **found}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


@pytest.mark.parametrize("width", [320, 412, 768, 1350])
def test_charts_fit_and_can_be_read_at_every_width_without_a_script(
    without_script: Page, folder: Path, width: int
):
    page = without_script
    set_width(page, width)
    for name in ("trends.html", PLACE):
        page.goto((folder / name).as_uri())
        assert page.locator("html").evaluate("e => e.scrollWidth") <= width, name
    (drawing,) = page.locator(".drawing:visible").evaluate_all(
        """svgs => svgs.map(svg => {
          const box = svg.getBoundingClientRect(), home = svg.parentNode.getBoundingClientRect();
          const scale = box.width / svg.viewBox.baseVal.width;
          const texts = Array.from(svg.querySelectorAll("text"));
          const places = texts.map(text => text.getBoundingClientRect());
          return {
            over: box.right - home.right,
            smallest: Math.min(...texts.map(t => parseFloat(t.getAttribute("font-size")) * scale)),
            outside: texts.filter((_, i) =>
              places[i].left < box.left - 1 || places[i].right > box.right + 1
              || places[i].top < box.top - 1 || places[i].bottom > box.bottom + 1
            ).map(text => text.textContent),
            covering: places.flatMap((a, i) => places.slice(i + 1).filter(b =>
              a.left < b.right && b.left < a.right && a.top + 2 < b.bottom - 2
              && b.top + 2 < a.bottom - 2
            )).length,
          };
        })"""
    )
    assert drawing["over"] <= 0.5
    assert drawing["smallest"] >= 11
    assert drawing["outside"] == []
    assert drawing["covering"] == 0
