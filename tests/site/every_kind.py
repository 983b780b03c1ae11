"""A page of each kind, the heaviest there is: what checks of the whole site open."""

from pathlib import Path

from playwright.sync_api import Page

KINDS = {
    "front": ("index.html", 0),
    "compare": ("compare.html", 0),
    "trends": ("trends.html", 0),
    "trend": ("trends/*.html", 0),
    "rigs": ("rigs.html", 0),
    "rig": ("rigs/*.html", 0),
    "model": ("models/*.html", 0),
    "second model": ("models/*.html", 1),
    "run": ("runs/*.html", 0),
    "run in turns": ("runs/*.html", 0),
    "method": ("method.html", 0),
    "data": ("data.html", 0),
    "fits": ("fits.html", 0),
    "glossary": ("glossary.html", 0),
}
"""Pattern below the site's root, and which of its pages by weight, heaviest first."""

SAYING = {"run in turns": "measured in turns with"}
"""Words without which a page is none of that kind."""

WIDTHS = (320, 412, 768, 1350)


def page_of(site: Path, kind: str) -> Path:
    pattern, place = KINDS[kind]
    words = SAYING.get(kind, "")
    pages = [path for path in site.glob(pattern) if words in path.read_text(encoding="utf-8")]
    return sorted(pages, key=lambda path: -path.stat().st_size)[place]


def set_width(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})


def open_everything(page: Page) -> None:
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")


def touch_the_charts(page: Page) -> None:
    """Loads the charts' library as a finger would, and waits until the visible ones are redrawn."""
    page.locator(".chart:visible").evaluate_all(
        """charts => charts.forEach(chart => chart.dispatchEvent(
          new PointerEvent("pointerover", { bubbles: true })))"""
    )
    page.wait_for_function(
        """() => Array.from(document.querySelectorAll(".chart:not([hidden])")).every(chart =>
          chart.view && chart.querySelector(".drawings > div svg"))"""
    )


def any_two(site: Path, page: Page) -> str:
    """A query of the compare page: its first pair of configurations."""
    page.goto((site / "compare.html").as_uri())
    address = page.locator(".pair").first.get_attribute("href") or ""
    return address.partition("?")[2].partition("#")[0]
