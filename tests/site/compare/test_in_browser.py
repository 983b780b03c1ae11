"""The page that compares two configurations, as a visitor meets it."""

import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page

from bench_pipeline.records.run import Run
from bench_pipeline.site.compare.address import at_streams, configuration_id, model_part
from bench_pipeline.site.compare.configurations import Catalogue, Configuration, catalogue
from bench_pipeline.site.compare.pairs import natural_pairs, pairs_by_model
from bench_pipeline.site.compare.two import Comparison
from tests.factories import SMOLLM2, measured_run
from tests.site.browsing import come, dialogs
from tests.site.conftest import Made, make

UNKNOWN = '"><img src=x onerror=alert(1)>'


@pytest.fixture(scope="session")
def known(made: Made) -> Catalogue:
    return catalogue(made.tables)


@pytest.fixture(scope="session")
def pairs(known: Catalogue) -> list[Comparison]:
    return [two for kind in natural_pairs(known) for two in kind.shown]


@pytest.fixture
def page(lasting: Page) -> Page:
    return lasting


def visit(page: Page, site: Path, a: str = "", b: str = "") -> None:
    asked = urlencode({name: id for name, id in (("a", a), ("b", b)) if id})
    come(page, (site / "compare.html").as_uri(), f"?{asked}" if asked else "")
    settle(page)


def settle(page: Page) -> None:
    """Waits until the figures of what is chosen are there."""
    page.wait_for_selector("#compare-form:not([aria-busy])")


def choose(page: Page, letter: str, configuration: Configuration) -> None:
    """The model first, then one of its configurations."""
    page.locator(f"#model-{letter}").select_option(model_part(configuration.model))
    settle(page)
    page.locator(f"#pick-{letter}").select_option(configuration.id)
    settle(page)


def status(page: Page) -> str:
    return page.locator("#compare-status").inner_text()


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
    visit(page, site)
    asked = {two.key: f"?{urlencode({'a': two.a.id, 'b': two.b.id})}" for two in pairs}
    texts = shown_and_written(page, asked)
    for two in pairs:
        shown, title, whole = map(squeezed, texts[two.key])
        assert shown == whole.removeprefix(title) != "", two.key


def shown_and_written(page: Page, asked: dict[str, str]) -> dict[str, list[str]]:
    """Of each pair, whose address a visitor goes back to: what the script shows, and the title and
    all of what stands in the page."""
    texts: dict[str, list[str]] = page.evaluate(
        """async asked => {
          const form = document.querySelector("#compare-form"), texts = {};
          const text = id => document.getElementById(id).textContent;
          for (const [key, address] of Object.entries(asked)) {
            document.querySelector("#compare-body").replaceChildren();
            history.replaceState(null, "", address);
            dispatchEvent(new PopStateEvent("popstate"));
            do await new Promise(requestAnimationFrame); while (form.hasAttribute("aria-busy"));
            texts[key] = [text("compare-body"), text(`pair-${key}-title`), text(`pair-${key}`)];
          }
          return texts;
        }""",
        asked,
    )
    return texts


def test_the_model_is_chosen_first_and_then_one_of_its_configurations(
    page: Page, site: Path, known: Catalogue
):
    html = (site / "compare.html").read_text()
    form = html[html.index("<form") : html.index("</form>")]
    assert not [c.id for c in known.configurations if c.id in form]
    visit(page, site)
    assert page.locator("#pick-a").is_disabled()
    by_model: dict[str, list[Configuration]] = {}
    for one in known.configurations:
        by_model.setdefault(one.model, []).append(one)
    options = page.locator("#model-b option[data-figures]")
    assert options.all_inner_texts() == [own[0].name for own in by_model.values()]
    several = next(own for own in by_model.values() if len(own) > 2)
    page.locator("#model-a").select_option(label=several[0].name)
    settle(page)
    offered = page.locator("#pick-a option:not([value=''])")
    assert offered.all_inner_texts() == [" · ".join(one.parts) for one in several]
    assert status(page) == (
        f"{len(several)} configurations of {several[0].name}: choose one as A."
        " Choose the second configuration."
    )
    assert address(page) == {"a": model_part(several[0].model)}
    page.reload()
    settle(page)
    assert offered.count() == len(several)


def test_the_choice_lives_in_the_address_and_survives_reload_and_back(
    page: Page, site: Path, known: Catalogue
):
    one, other, third = known.configurations[:3]
    visit(page, site)
    assert page.locator("#compare-result").is_hidden()
    choose(page, "a", one)
    assert address(page) == {"a": one.id}
    assert status(page) == "Choose the second configuration."
    choose(page, "b", other)
    page.wait_for_selector("#compare-body .sides")
    assert address(page) == {"a": one.id, "b": other.id}
    first = body(page)
    page.reload()
    settle(page)
    assert body(page) == first
    choose(page, "b", third)
    assert body(page) != first
    while page.locator("#pick-b").input_value() != other.id:
        page.go_back()
        settle(page)
    assert body(page) == first
    while "b" in address(page):
        page.go_back()
        settle(page)
    assert page.locator("#compare-result").is_hidden()
    assert page.locator("#pick-a").input_value() == one.id


def test_a_model_chosen_beside_another_takes_over_the_machine_and_the_build(
    page: Page, site: Path, known: Catalogue
):
    places: dict[str, list[Configuration]] = {}
    for one in known.configurations:
        places.setdefault(one.id.partition("--")[2], []).append(one)
    one, other = next(alike[:2] for alike in places.values() if len(alike) > 1)
    visit(page, site, one.id)
    page.locator("#model-b").select_option(model_part(other.model))
    settle(page)
    assert address(page) == {"a": one.id, "b": other.id}
    assert status(page) == "Compared: see below."
    page.go_back()
    settle(page)
    assert address(page) == {"a": one.id}


def test_an_unknown_id_is_ignored_and_said(page: Page, site: Path, known: Catalogue):
    one = next(c for c in known.configurations if c.concurrencies)
    visit(page, site, one.id)
    page.goto(f"{page.url}&b={UNKNOWN}&colour=red")
    settle(page)
    assert page.locator("#compare-status").get_attribute("role") == "status"
    assert status(page) == (
        f"Not known here and ignored: “{UNKNOWN}”. Choose the second configuration."
    )
    assert page.locator("#pick-a").input_value() == one.id
    assert page.locator("#model-b").input_value() == ""
    assert page.locator("#pick-b").input_value() == ""
    assert page.locator("#compare-result").is_hidden()
    assert page.locator("#compare-form img").count() == 0


@pytest.mark.parametrize("rest", ["--no-rig--cuda--b1", "--at.777", "--__proto__", "--"])
def test_of_an_unknown_configuration_the_known_model_stays(
    page: Page, site: Path, known: Catalogue, rest: str
):
    one, other = known.configurations[:2]
    asked = f"{one.id}{rest}" if rest == "--at.777" else f"{model_part(one.model)}{rest}"
    visit(page, site, asked, other.id)
    assert f"Not known here and ignored: “{asked}”." in status(page)
    assert page.locator("#model-a").input_value() == model_part(one.model)
    assert page.locator("#pick-a").input_value() == ""
    assert page.locator("#pick-b").input_value() == other.id
    assert page.locator("#compare-result").is_hidden()


@pytest.mark.parametrize("name", ["constructor", "__proto__", "toString--a"])
def test_a_name_that_scripts_know_is_no_model(page: Page, site: Path, name: str):
    visit(page, site, name)
    assert status(page).startswith(f"Not known here and ignored: “{name}”.")


def test_the_pairs_of_a_chosen_model_are_listed_and_lead_to_their_comparison(
    page: Page, site: Path, known: Catalogue
):
    model, kinds = max(pairs_by_model(known).items(), key=lambda item: len(item[1]))
    visit(page, site, model_part(model))
    own = page.locator("#model-pairs")
    own.locator("summary").click()
    assert own.locator("h4").all_inner_texts() == [kind.title for kind in kinds]
    pairs = [pair for kind in kinds for pair in kind.shown]
    assert own.locator("li").all_inner_texts() == [f"{p.title} {p.contrast}" for p in pairs]
    own.locator("a.pair").last.click()
    settle(page)
    assert address(page) == {"a": pairs[-1].a.id, "b": pairs[-1].b.id}
    assert page.locator("#compare-result").is_visible()
    visit(page, site)
    assert own.locator("details").count() == 0


def test_swapping_turns_every_difference_around_by_keyboard(
    page: Page, site: Path, pairs: list[Comparison]
):
    two = next(two for two in pairs if two.basis == "builds")
    visit(page, site, two.a.id, two.b.id)
    before = page.locator("#compare-body .compared tbody tr:not(.metric) td.num").all_inner_texts()
    swap = page.get_by_role("button", name="Swap A and B")
    swap.focus()
    page.keyboard.press("Enter")
    settle(page)
    assert page.locator("#pick-a").input_value() == two.b.id
    assert address(page) == {"a": two.b.id, "b": two.a.id}
    after = page.locator("#compare-body .compared tbody tr:not(.metric) td.num").all_inner_texts()
    assert after[::2] == before[1::2]
    assert after[1::2] == before[::2]
    assert swap.evaluate("node => node === document.activeElement")


def test_streams_of_either_side_can_be_chosen(page: Page, site: Path, known: Catalogue):
    one = next(c for c in known.configurations if c.concurrencies == (1, 4))
    visit(page, site, one.id, one.id)
    page.locator("#streams-b").select_option("4")
    settle(page)
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
    assert page.locator("#model-a").evaluate("node => node === document.activeElement")


def test_without_script_every_pair_stands_in_the_page(
    without_script: Page, site: Path, pairs: list[Comparison]
):
    page = without_script
    page.goto((site / "compare.html").as_uri())
    assert page.locator("#compare-form").is_hidden()
    links = page.locator("a.pair")
    assert links.count() == len(pairs)
    links.nth(len(pairs) - 1).click()
    page.wait_for_url(f"**#pair-{pairs[-1].key}")
    last = page.locator(f"#pair-{pairs[-1].key}")
    assert last.is_visible()
    assert abs(last.evaluate("node => node.getBoundingClientRect().top")) < 900
    assert page.locator(".whole:visible").count() == len(pairs)


@pytest.mark.parametrize("width", [320, 1350])
def test_nothing_is_wider_than_the_page(
    page: Page, site: Path, pairs: list[Comparison], width: int
):
    page.set_viewport_size({"width": width, "height": 900})
    for two in pairs[:3]:
        visit(page, site, two.a.id, two.b.id)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_a_link_to_a_comparison_opens_without_anything_jumping(
    browser: Browser, site: Path, pairs: list[Comparison]
):
    context = browser.new_context(viewport={"width": 412, "height": 823}, offline=True)
    page = context.new_page()
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.add_init_script(
        """window.shifted = 0; new PerformanceObserver(list => list.getEntries().forEach(
          entry => { shifted += entry.value; })).observe({type: "layout-shift", buffered: true});"""
    )
    visit(page, site, pairs[0].a.id, pairs[0].b.id)
    page.locator("#compare-body .compared").first.wait_for()
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)))")
    assert page.evaluate("shifted") <= 0.02
    context.close()


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
    with dialogs(page) as said:
        shows_them_as_text(page, made.project.site, ids)
    assert not said


def shows_them_as_text(page: Page, site: Path, ids: list[str]) -> None:
    visit(page, site, *ids)
    assert page.locator("img, main script").count() == 0
    assert EVIL in page.locator("#pick-b option").nth(1).inner_text()
    page.locator("#model-pairs summary").click()
    pairs = page.locator("a.pair:visible + .sub").all_inner_texts()
    assert len(pairs) == 2 * page.locator("#model-pairs a.pair").count() > 0
    assert all(EVIL in words for words in pairs)
    page.locator("#compare-body .differing summary").click()
    assert page.locator("#compare-body").inner_text().count(EVIL) >= 4
