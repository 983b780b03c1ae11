"""The page that compares two configurations, as a visitor meets it."""

import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page

from bench_pipeline.records.run import Run
from bench_pipeline.site.compare_id import at_streams, configuration_id
from bench_pipeline.site.compare_pairs import natural_pairs
from bench_pipeline.site.compare_two import Comparison
from bench_pipeline.site.compare_view import Catalogue, catalogue
from tests.factories import SMOLLM2, measured_run
from tests.site.conftest import Made, make

UNKNOWN = '"><img src=x onerror=alert(1)>'


@pytest.fixture(scope="session")
def known(made: Made) -> Catalogue:
    return catalogue(made.tables)


@pytest.fixture(scope="session")
def pairs(known: Catalogue) -> list[Comparison]:
    return [two for kind in natural_pairs(known) for two in kind.shown]


def visit(page: Page, site: Path, a: str = "", b: str = "") -> None:
    asked = urlencode({name: id for name, id in (("a", a), ("b", b)) if id})
    page.goto(f"{(site / 'compare.html').as_uri()}{'?' + asked if asked else ''}")
    if a and b:
        page.wait_for_function(
            "() => document.querySelector('#compare-status').textContent.includes('Compared:')"
        )


def words(page: Page, selector: str) -> str:
    """What stands in the page there, shown or not."""
    text = page.locator(selector).evaluate("node => node.textContent")
    return " ".join(text.split())


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def body(page: Page) -> str:
    return words(page, "#compare-body")


def address(page: Page) -> dict[str, str]:
    return page.evaluate("() => Object.fromEntries(new URLSearchParams(location.search))")


def test_the_script_shows_of_every_pair_exactly_what_python_wrote_into_the_page(
    page: Page, site: Path, pairs: list[Comparison]
):
    assert len(pairs) >= 6
    assert {two.basis for two in pairs} >= {"same-run", "apart", "builds"}
    for two in pairs:
        visit(page, site, two.a.id, two.b.id)
        title = squeezed(words(page, f"#pair-{two.key}-title"))
        whole = squeezed(words(page, f"#pair-{two.key}"))
        assert squeezed(body(page)) == whole.removeprefix(title)


def test_the_choice_lives_in_the_address_and_survives_reload_and_back(
    page: Page, site: Path, known: Catalogue
):
    one, other, third = (configuration.id for configuration in known.configurations[:3])
    visit(page, site)
    assert page.locator("#compare-result").is_hidden()
    page.locator("#pick-a").select_option(one)
    assert address(page) == {"a": one}
    assert page.locator("#compare-status").inner_text() == "Choose the second configuration."
    page.locator("#pick-b").select_option(other)
    page.wait_for_selector("#compare-body .sides")
    assert address(page) == {"a": one, "b": other}
    first = body(page)
    page.reload()
    page.wait_for_selector("#compare-body .sides")
    assert body(page) == first
    page.locator("#pick-b").select_option(third)
    page.wait_for_function(
        "before => document.querySelector('#compare-body').textContent.replace"
        "(/\\s+/g, ' ').trim() !== before",
        arg=first,
    )
    page.go_back()
    page.wait_for_function("id => document.querySelector('#pick-b').value === id", arg=other)
    page.wait_for_function(
        "before => document.querySelector('#compare-body').textContent.replace"
        "(/\\s+/g, ' ').trim() === before",
        arg=first,
    )
    page.go_back()
    assert page.locator("#compare-result").is_hidden()
    assert page.locator("#pick-a").input_value() == one


def test_an_unknown_id_is_ignored_and_said(page: Page, site: Path, known: Catalogue):
    one = next(c for c in known.configurations if c.concurrencies)
    visit(page, site, one.id)
    page.goto(f"{page.url}&b={UNKNOWN}&colour=red")
    status = page.locator("#compare-status")
    assert status.get_attribute("role") == "status"
    assert status.inner_text() == (
        f"Not known here and ignored: “{UNKNOWN}”. Choose the second configuration."
    )
    assert page.locator("#pick-a").input_value() == one.id
    assert page.locator("#pick-b").input_value() == ""
    assert page.locator("#compare-result").is_hidden()
    assert page.locator("#compare-form img").count() == 0
    visit(page, site, at_streams(one.id, 777))
    assert "ignored: “" in status.inner_text()


def test_swapping_turns_every_difference_around_by_keyboard(
    page: Page, site: Path, pairs: list[Comparison]
):
    two = next(two for two in pairs if two.basis == "builds")
    visit(page, site, two.a.id, two.b.id)
    before = page.locator("#compare-body .compared tbody tr:not(.metric) td.num").all_inner_texts()
    swap = page.get_by_role("button", name="Swap A and B")
    swap.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("id => document.querySelector('#pick-a').value === id", arg=two.b.id)
    assert address(page) == {"a": two.b.id, "b": two.a.id}
    after = page.locator("#compare-body .compared tbody tr:not(.metric) td.num").all_inner_texts()
    assert after[::2] == before[1::2]
    assert after[1::2] == before[::2]
    assert swap.evaluate("node => node === document.activeElement")


def test_streams_of_either_side_can_be_chosen(page: Page, site: Path, known: Catalogue):
    one = next(c for c in known.configurations if c.concurrencies == (1, 4))
    visit(page, site, one.id, one.id)
    page.locator("#streams-b").select_option("4")
    page.wait_for_function(
        "() => document.querySelector('#compare-body').textContent.includes('(B)') ||"
        " document.querySelectorAll('#compare-body .compared').length === 1"
    )
    assert address(page) == {"a": one.id, "b": at_streams(one.id, 4)}
    page.locator("#streams-a").select_option("1")
    page.get_by_text("1 stream (A) against 4 streams (B)").first.wait_for()
    assert page.locator("#compare-body .basis").get_attribute("data-basis") == "same-run"


def test_a_pair_s_link_compares_without_leaving_the_page(
    page: Page, site: Path, pairs: list[Comparison]
):
    visit(page, site)
    page.locator("a.pair").first.click()
    page.wait_for_selector("#compare-body .sides")
    assert address(page) == {"a": pairs[0].a.id, "b": pairs[0].b.id}
    assert "#" not in page.url
    assert page.locator("#pick-a").evaluate("node => node === document.activeElement")


def test_without_script_every_pair_stands_in_the_page(
    browser: Browser, site: Path, pairs: list[Comparison]
):
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto((site / "compare.html").as_uri())
    assert page.locator("#compare-form").is_hidden()
    links = page.locator("a.pair")
    assert links.count() == len(pairs)
    links.nth(len(pairs) - 1).click()
    last = page.locator(f"#pair-{pairs[-1].key}")
    assert last.is_visible()
    assert abs(last.evaluate("node => node.getBoundingClientRect().top")) < 900
    assert page.locator(".whole:visible").count() == len(pairs)
    context.close()


@pytest.mark.parametrize("width", [320, 1350])
def test_nothing_is_wider_than_the_page(
    page: Page, site: Path, pairs: list[Comparison], width: int
):
    page.set_viewport_size({"width": width, "height": 900})
    for two in pairs[:3]:
        visit(page, site, two.a.id, two.b.id)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width


EVIL = '"><img src=x onerror=alert(1)></script><script>alert(2)</script>\u202egnp.\U0001f984'


def test_hostile_words_are_text_in_pickers_pairs_and_comparisons(page: Page, tmp_path: Path):
    model = SMOLLM2.model_copy(update={"variant": EVIL[:60], "quant": "<i>", "creator": EVIL[:80]})
    runs = []
    for build in (EVIL, f"{EVIL}2"):
        changed = measured_run(model=model, workloads=["chat"]).model_dump()
        changed["run_id"] = f"{len(runs):012x}"
        changed["engine"] |= {"build": build, "env": {"A": EVIL}, "system_info": f"CPU : {EVIL}"}
        changed["servers"][0]["argv"] = ["llama-server", f"--{build}", EVIL]
        runs.append(Run.model_validate(changed))
    made = make(tmp_path / "project", runs)
    made.build()
    ids = [configuration_id(run) for run in made.tables.runs]
    assert len(set(ids)) == 2
    assert all(re.fullmatch(r"[a-z0-9._-]+", id) for id in ids)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    visit(page, made.project.site, *ids)
    assert page.locator("img, main script").count() == 0
    assert EVIL in page.locator("#pick-b option").nth(1).inner_text()
    assert EVIL in page.locator("a.pair + .sub").first.inner_text()
    page.locator("#compare-body .differing summary").click()
    assert page.locator("#compare-body").inner_text().count(EVIL) >= 4
    assert not dialogs
