"""What a visitor of the front page does and reads, and what a window says meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Dialog, Page


@contextmanager
def heard(page: Page, event: str, listen: Callable[[Any], object]) -> Iterator[None]:
    """Listens for so long, and not beyond: the window is others' too."""
    emitter: Any = page
    emitter.on(event, listen)
    try:
        yield
    finally:
        emitter.remove_listener(event, listen)


@contextmanager
def asked(page: Page) -> Iterator[list[str]]:
    """Addresses that the page asks for meanwhile."""
    found: list[str] = []
    with heard(page, "request", lambda request: found.append(request.url)):
        yield found


@contextmanager
def dialogs(page: Page) -> Iterator[list[str]]:
    """What the page says meanwhile in dialogs, which are closed."""
    found: list[str] = []

    def close(dialog: Dialog) -> None:
        found.append(dialog.message)
        dialog.dismiss()

    with heard(page, "dialog", close):
        yield found


def visit(page: Page, site: Path, query: str = "") -> None:
    page.goto(f"{(site / 'index.html').as_uri()}{query}")
    render_all(page)


def come(page: Page, address: str, query: str = "") -> None:
    """As who goes back to the address, if that page is open, or else as who comes there."""
    there = """([address, query]) => {
      if (location.href.split(/[?#]/)[0] !== address) return false;
      document.activeElement.blur();
      history.replaceState(null, "", query || location.pathname);
      dispatchEvent(new PopStateEvent("popstate"));
      return true;
    }"""
    if not page.evaluate(there, [address, query]):
        page.goto(f"{address}{query}")


def render_all(page: Page) -> None:
    """Also what is out of sight, which otherwise has no `innerText` to read."""
    page.locator(".family").evaluate_all(
        "families => families.forEach(one => { one.style.contentVisibility = 'visible'; })"
    )


def front(page: Page, site: Path, query: str = "") -> None:
    """The front page, whose charts, which have tests of their own, follow no choice."""
    come(page, (site / "index.html").as_uri(), query)
    render_all(page)
    page.evaluate(
        """window.stay ||= event => event.stopImmediatePropagation();
        document.addEventListener("rowschosen", stay, true)"""
    )


def front_anew(page: Page, site: Path, query: str = "") -> None:
    """As who comes there for the first time."""
    page.goto("about:blank")
    front(page, site, query)


def search(page: Page) -> str:
    """The address's parameters as the page has them now: `page.url` may lag behind."""
    found: str = page.evaluate("location.search")
    return found


def visible_rows(page: Page) -> list[str]:
    """Ids in the order in which they stand, over all families."""
    rows = page.locator("#tables tbody tr:not([hidden])")
    return rows.evaluate_all("rows => rows.map(row => row.id)")


def speeds(page: Page, family: str) -> list[str]:
    """The decode column of one family, as a reader sees it."""
    cells = page.locator(f".family:has(h3:text-is('{family}')) tbody tr:not([hidden]) .speed")
    return [" ".join(text.split()) for text in cells.all_inner_texts()]


def choose(page: Page, name: str, value: str) -> None:
    """Sets a filter, in the folded ones too."""
    page.locator("#more").evaluate("details => { details.open = true; }")
    page.locator(f"#filters [name={name}]").select_option(value)


def left_by_each_filter(page: Page, wanted: dict[str, str]) -> dict[str, list[str]]:
    """Ids of the rows that each choice alone leaves, by the filter's name. All are set at once:
    charts are drawn for the last alone."""
    left: dict[str, list[str]] = page.evaluate(
        """async wanted => {
          const painted = () => new Promise(requestAnimationFrame), left = {};
          for (const [name, value] of Object.entries(wanted)) {
            const select = document.querySelector(`#filters [name=${name}]`);
            select.value = value;
            select.dispatchEvent(new Event("change", { bubbles: true }));
            await painted();
            const rows = document.querySelectorAll("#tables tbody tr:not([hidden])");
            left[name] = Array.from(rows, row => row.id);
            document.querySelector("#filters button[type=reset]").click();
            await painted();
          }
          return left;
        }""",
        wanted,
    )
    return left
