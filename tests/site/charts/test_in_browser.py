"""The charts in a real browser, over file:// and without a network: as built, drawn anew when
touched, and drawn anew under a filter."""

import csv
import dataclasses
import json
import random
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page

from bench_pipeline.site.charts.configurations import Chart, ChartMaker, tells
from bench_pipeline.site.charts.kinds import DECODE
from bench_pipeline.site.charts.sizes import SIZES
from tests.site.browsing import asked, come
from tests.site.charts.charted import of_kind, wrong
from tests.site.charts.test_configurations import stacked
from tests.site.conftest import Made, as_new
from tests.site.every_kind import set_width

SETTLED = "!document.querySelector('.chart[aria-busy]')"
FRONT, FAMILY = "index.html", "families/smollm2.html"
WIDTHS = (320, 412, 768, 1350)
OF_THE_SIZE = """() => Array.from(document.querySelectorAll(".chart:not([hidden])")).every(chart =>
  chart.size === (chart.querySelector(".drawings").clientWidth >= 560 ? "wide" : "narrow"))"""
"""What was drawn anew is so for the width that there is now."""
FILTERS = ("rig", "backend", "concurrency", "workload", "quant", "cap")


@pytest.fixture(scope="module")
def all_charts(everything: Made) -> dict[str, Chart]:
    return {chart.id: chart for chart in everything.view.charts}


@pytest.fixture(scope="module")
def charts_by_page(everything: Made, all_charts) -> dict[str, dict[str, Chart]]:
    family = next(each for each in everything.view.families if each.href == FAMILY)
    charts = ChartMaker(everything.tables).charts(family.rows)
    return {FRONT: all_charts, FAMILY: {chart.id: chart for chart in charts}}


def visit(page: Page, address: Path) -> None:
    page.goto(address.as_uri())
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")


@pytest.fixture
def front(lasting: Page, built: Path) -> Page:
    """As another test has left it, with all rows."""
    come(lasting, (built / FRONT).as_uri())
    lasting.wait_for_function(SETTLED)
    return lasting


def choose(page: Page, name: str, value: str) -> None:
    page.locator(f"#filters [name={name}]").select_option(value)
    page.wait_for_function(SETTLED)


def touch_all(page: Page) -> None:
    """As a finger or the mouse does on its way over the page; until all are drawn anew."""
    page.locator(".chart:visible").evaluate_all(
        "all => all.forEach(one => one.dispatchEvent("
        "new PointerEvent('pointerover', { bubbles: true })))"
    )
    page.wait_for_function(
        """() => Array.from(document.querySelectorAll(".chart:not([hidden])")).every(one =>
          one.view && one.querySelector(".drawings > div svg"))"""
    )


def shown(page: Page) -> list[Locator]:
    return page.locator(".chart:visible").all()


SHOWN = """() => Array.from(document.querySelectorAll(".chart"))
  .filter(figure => figure.getClientRects().length)
  .map(figure => {
    const drawings = Array.from(figure.querySelectorAll(".drawing"))
      .filter(drawing => drawing.getClientRects().length);
    const label = id => document.getElementById(id).textContent;
    return {
      chart: figure.dataset.chart,
      drawings: drawings.map(drawing => new XMLSerializer().serializeToString(drawing)),
      labels: drawings.map(drawing => label(drawing.getAttribute("aria-labelledby"))),
      rows: Array.from(figure.querySelectorAll("tbody tr"), row => row.dataset.row),
      finding: figure.querySelector(".finding").innerText,
    };
  })"""
"""All that the visible charts say, asked for at once: each question to a browser costs more than
its answer."""


def inside(page: Page) -> set[str]:
    rows = page.locator("#tables tbody tr:not([hidden])")
    return set(rows.evaluate_all("rows => rows.map(row => row.id)"))


def kept(chart: Chart, rows: set[str]) -> Chart | None:
    marks = tuple(mark for mark in chart.marks if mark.row.id in rows)
    return dataclasses.replace(chart, marks=marks) if tells(chart.kind, marks) else None


def contradictions(page: Page, charts: dict[str, Chart]) -> list[str]:
    """What the visible charts show otherwise than the rows of the page's table demand."""
    found = []
    rows = inside(page)
    seen = set()
    for figure in page.evaluate(SHOWN):
        chart = kept(charts[figure["chart"] or ""], rows)
        assert chart
        seen.add(chart.id)
        (drawing,) = figure["drawings"]
        found += wrong(drawing, chart)
        if figure["rows"] != [mark.row.id for mark in chart.drawn]:
            found.append(f"{chart.id}: the table has other rows or another order")
        if figure["finding"] != chart.finding:
            found.append(f"{chart.id}: says {figure['finding']}")
        if figure["labels"] != [chart.finding]:
            found.append(f"{chart.id}: is labelled {figure['labels']}")
    chosen = page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
    concurrency = int(chosen.get("concurrency", 1))
    all_workloads = page.locator("#chart-decode").count() == 0
    for chart in charts.values():
        fits = chart.concurrency == concurrency and kept(chart, rows)
        asked = chosen.get("workload")
        wanted = chart.workload == asked or (chart.kind is DECODE and all_workloads and not asked)
        if fits and wanted and chart.id not in seen:
            found.append(f"{chart.id} is missing")
    return found


def set_filter(page: Page, name: str, value: str) -> None:
    """Also where the filter stands in a folded part of the form."""
    page.locator(f"#filters [name={name}]").evaluate(
        "(select, value) => { select.value = value;"
        " select.dispatchEvent(new Event('change', { bubbles: true })); }",
        value,
    )
    page.wait_for_function(SETTLED)


@pytest.mark.parametrize(("path", "count", "draws"), [(FRONT, 8, 6), (FAMILY, 7, 2)])
def test_charts_tell_the_truth_as_built_when_touched_and_under_any_filter(
    page: Page, built: Path, charts_by_page, path: str, count: int, draws: int
):
    charts = charts_by_page[path]
    visit(page, built / path)
    assert len(shown(page)) == count
    assert contradictions(page, charts) == [], "as built"
    assert page.locator(".drawings > div").count() == 0
    touch_all(page)
    assert page.locator(".drawings > div svg").count() == count
    assert contradictions(page, charts) == [], "touched"
    assert_true_under_filters(page, charts, draws)


def assert_true_under_filters(page: Page, charts: dict[str, Chart], draws: int) -> None:
    """Under so many pairs of them, drawn by lot."""
    draw = random.Random(7)
    options = {
        name: page.locator(f"#filters [name={name}] option").evaluate_all(
            "all => all.map(one => one.value)"
        )
        for name in FILTERS
    }
    sets = set()
    for _ in range(draws):
        page.locator("#filters button[type=reset]").click()
        for name in draw.sample(FILTERS, 2):
            set_filter(page, name, draw.choice(options[name]))
            assert contradictions(page, charts) == [], page.url
            rows = inside(page)
            sets.add(frozenset(rows))
            if not rows:
                assert page.locator(".chart:visible").count() == 0
                assert "No chart" in page.locator("#charts-note").inner_text()
    assert len(sets) >= draws - 1


def test_a_shared_address_opens_with_charts_of_its_rows(page: Page, built: Path, all_charts):
    index = (built / "index.html").as_uri()
    page.goto(f"{index}?rig=h100-vm&concurrency=4")
    page.wait_for_function(SETTLED)
    assert {figure.locator(".at").inner_text() for figure in shown(page)} >= {"4 streams"}
    assert contradictions(page, all_charts) == []


@pytest.mark.parametrize(
    ("path", "chart", "count"), [(FRONT, "chart-decode-chat", 9), (FAMILY, "chart-decode", 6)]
)
def test_the_chart_of_a_filter_holds_what_its_csv_holds(
    page: Page, built: Path, path: str, chart: str, count: int
):
    visit(page, built / path)
    choose(page, "workload", "chat")
    choose(page, "concurrency", "4")
    with page.expect_download() as download:
        page.locator("#csv").click()
    with Path(download.value.path()).open(encoding="utf-8", newline="") as file:
        rates = [row["decode_tok_s"] for row in csv.DictReader(file)]
    bars = page.locator(f"#{chart} tbody td a").all_inner_texts()
    assert sorted(bars) == sorted(rates) and len(bars) == count


def test_bars_summed_under_one_label_would_be_caught(page: Page, built: Path, all_charts, tmp_path):
    """The same site with the mistake in it: the check above must not pass it."""
    site = tmp_path / "site"
    shutil.copytree(built, site)
    (data,) = (file for file in site.glob("lazy/charts-*.js") if len(file.stem) == 17)
    content = json.loads(data.read_text().removeprefix("window.benchCharts=").rstrip(";\n"))
    specs = content["kinds"]["decode"]["specs"]
    for size in SIZES:
        specs[size.name] = stacked(DECODE, size)
    data.write_text(f"window.benchCharts={json.dumps(content)};\n")
    page.goto((site / "index.html").as_uri())
    choose(page, "backend", "cuda")
    assert any("starts at" in each for each in contradictions(page, all_charts))


def test_drawing_anew_moves_nothing(page: Page, built: Path):
    page.set_viewport_size({"width": 412, "height": 823})
    page.goto((built / "index.html").as_uri())
    page.evaluate(
        """() => { window.shifted = 0;
          new PerformanceObserver(list => {
            for (const entry of list.getEntries()) window.shifted += entry.value;
          }).observe({ type: "layout-shift", buffered: true }); }"""
    )
    page.locator("#charts").scroll_into_view_if_needed()
    boxes = "all => all.map(one => one.getBoundingClientRect().height)"
    before = page.locator(".drawings:visible").evaluate_all(boxes)
    touch_all(page)
    assert page.locator(".drawings:visible").evaluate_all(boxes) == pytest.approx(before, abs=1)
    assert page.evaluate("window.shifted") <= 0.02


def test_no_chart_is_wider_than_its_place_and_its_text_is_readable(page: Page, built: Path):
    page.goto((built / "index.html").as_uri())
    for width in WIDTHS:
        set_width(page, width)
        assert faults(page, width) == [], "as built"
    for width in reversed(WIDTHS):
        set_width(page, width)
        touch_all(page)
        page.wait_for_function(OF_THE_SIZE)
        assert page.locator(".drawings > div svg").count() == 8
        assert faults(page, width) == [], "after a touch"


def faults(page: Page, width: int) -> list[dict]:
    found = measured(page)
    assert len(found) == 8
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    return [
        drawing | {"width": width}
        for drawing in found
        if drawing["over"] > 0.5 or drawing["smallest"] < 11 or drawing["clipped"]
    ]


def measured(page: Page) -> list[dict]:
    return page.locator(".chart .drawing:visible").evaluate_all(
        """svgs => svgs.map(svg => {
          const box = svg.getBoundingClientRect();
          const home = svg.closest(".drawings").getBoundingClientRect();
          const scale = box.width / svg.viewBox.baseVal.width;
          const texts = Array.from(svg.querySelectorAll("text")).filter(t =>
            t.textContent && t.getAttribute("opacity") !== "0");
          return {
            chart: svg.closest(".chart").id,
            over: box.right - home.right,
            smallest: Math.min(...texts.map(t => parseFloat(getComputedStyle(t).fontSize) * scale)),
            clipped: texts.filter(t => {
              const own = t.getBoundingClientRect();
              return own.left < box.left - 1 || own.right > box.right + 1
                || own.top < box.top - 2 || own.bottom > box.bottom + 2;
            }).map(t => t.textContent),
          };
        })"""
    )


def test_filters_set_faster_than_charts_are_drawn_leave_the_last_ones(front: Page, all_charts):
    front.evaluate(
        """() => { for (const value of ["cpu", "cuda", "", "cpu", "cuda", ""]) {
          const select = document.querySelector("#filters [name=backend]");
          select.value = value;
          select.dispatchEvent(new Event("change", { bubbles: true }));
        } }"""
    )
    front.wait_for_function(SETTLED)
    front.wait_for_timeout(300)
    front.wait_for_function(SETTLED)
    assert len(shown(front)) == 8
    assert contradictions(front, all_charts) == []


def test_a_drawn_chart_is_one_labelled_image_without_roles_inside(front: Page):
    touch_all(front)
    for figure in shown(front):
        drawing = figure.locator(".drawing:visible")
        assert drawing.get_attribute("role") == "img"
    inner = ".drawings > div, .drawings [aria-roledescription], .drawings g[role]"
    roles = front.locator(inner).evaluate_all("all => all.map(one => one.getAttribute('role'))")
    assert set(roles) == {None}


def test_a_mark_tells_its_numbers_where_the_pointer_is(page: Page, built: Path, all_charts):
    page.goto((built / FRONT).as_uri())
    chart = of_kind(list(all_charts.values()), "decode")[0]
    mark = chart.marks[0]
    page.locator(f"#chart-decode-{chart.workload} .bars_marks path:visible").first.hover()
    page.wait_for_function("document.querySelector('#chart-decode-chat .drawings > div svg')")
    page.locator(f"#chart-decode-{chart.workload} .bars_marks path").first.hover()
    tip = page.locator("#chart-tip")
    assert mark.row.name in tip.inner_text() and mark.text in tip.inner_text()
    page.keyboard.press("Escape")
    assert tip.is_hidden()


def test_focus_draws_anew_as_well(page: Page, built: Path):
    page.goto((built / FRONT).as_uri())
    page.locator("#chart-decode-chat summary").focus()
    page.wait_for_function("document.querySelector('#chart-decode-chat .drawings > div svg')")


def test_nothing_is_loaded_before_somebody_touches_a_chart(page: Page, built: Path):
    with asked(page) as urls:
        page.goto((built / "index.html").as_uri())
        page.wait_for_timeout(100)
        assert not any("/lazy/" in url for url in urls)
        touch_all(page)
    assert sum("/lazy/" in url for url in urls) == 2


def test_without_the_library_the_page_says_what_its_charts_show(
    desktop: BrowserContext, built: Path, tmp_path: Path
):
    site = tmp_path / "site"
    shutil.copytree(built, site)
    shutil.rmtree(site / "lazy")
    page = as_new(desktop)  # whose console tells of the missing file
    page.goto((site / "index.html").as_uri())
    page.locator("#filters [name=backend]").select_option("cpu")
    page.wait_for_function("document.querySelector('#charts-note').textContent")
    assert "could not be drawn anew" in page.locator("#charts-note").inner_text()
    assert page.locator(".chart[aria-busy]").count() == 0
