"""What a visitor meets, in a real browser, over file:// and without any network."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from bench_pipeline.measures.definitions import DEFINITIONS
from bench_pipeline.records.inventory import Gpu
from tests.curve_factories import curve_and_bare_engine, failed_point, imported_run
from tests.factories import H100, SMOLLM2, measured_run
from tests.site.conftest import Made, make

WIDTHS = (320, 412, 1350)


def visit(page: Page, site: Path, query: str = "") -> None:
    page.goto(f"{(site / 'index.html').as_uri()}{query}")


def visible_rows(page: Page) -> list[str]:
    rows = page.locator(".rows tbody tr:not([hidden])")
    return rows.evaluate_all("rows => rows.map(row => row.id)")


def speeds(page: Page, family: str) -> list[str]:
    """The decode column of one family, as a reader sees it."""
    cells = page.locator(f".family:has(h3:text-is('{family}')) tbody tr:not([hidden]) .speed")
    return [" ".join(text.split()) for text in cells.all_inner_texts()]


def choose(page: Page, name: str, value: str) -> None:
    page.locator(f"#filters [name={name}]").select_option(value)


def test_every_page_opens_offline_without_asking_for_anything_else(browser: Browser, site: Path):
    context = browser.new_context(offline=True)
    page = context.new_page()
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text))
    pages = sorted(site.rglob("*.html"))
    for path in pages:
        page.goto(path.as_uri())
        assert page.locator("h1").count() == 1
    context.close()
    inside = site.as_uri()
    assert [url for url in asked if not url.startswith((inside, "data:"))] == []
    assert errors == []
    assert len(pages) > 10


def test_without_script_all_rows_numbers_definitions_and_downloads_are_there(
    browser: Browser, made: Made, site: Path
):
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    visit(page, site)
    rows = made.view.rows
    shown = page.locator(".rows tbody tr")
    assert shown.count() == len(rows)
    assert sorted(text.strip() for text in page.locator(".speed").all_inner_texts()) == sorted(
        row.text for row in rows
    )
    assert page.locator("#filters").is_hidden()
    assert page.locator(".chart:visible").count() == 4
    assert page.locator(".definitions dd:visible").count() == len(DEFINITIONS)
    page.goto((site / "data.html").as_uri())
    assert page.locator("a[href='data/measurements.csv']").is_visible()
    context.close()


def test_a_filter_lives_in_the_address_and_survives_reload_and_back(page: Page, site: Path):
    visit(page, site)
    everything = visible_rows(page)
    choose(page, "hardware", "h100-vm")
    on_h100 = visible_rows(page)
    assert 0 < len(on_h100) < len(everything)
    assert page.url.endswith("?hardware=h100-vm")
    choose(page, "concurrency", "4")
    both = visible_rows(page)
    assert 0 < len(both) < len(on_h100)
    page.reload()
    assert visible_rows(page) == both
    assert page.locator("#filters [name=concurrency]").input_value() == "4"
    page.go_back()
    assert visible_rows(page) == on_h100
    page.go_back()
    assert visible_rows(page) == everything
    page.go_forward()
    assert visible_rows(page) == on_h100


def test_an_address_with_unknown_parameters_and_values_shows_everything(page: Page, site: Path):
    visit(page, site)
    everything = visible_rows(page)
    visit(page, site, "?hardware=nobody&colour=red&workload=<b>&sort=__proto__&order=up")
    assert visible_rows(page) == everything
    choose(page, "backend", "cpu")
    assert page.url.endswith("?backend=cpu")


def test_the_live_region_counts_what_is_shown(page: Page, made: Made, site: Path):
    visit(page, site)
    count = len(made.view.rows)
    assert (
        page.locator("#shown").inner_text() == f"{count} rows, {len(made.view.families)} families"
    )
    choose(page, "hardware", "gaming-desktop")
    assert page.locator("#shown").inner_text() == f"10 of {count} rows, 6 families"
    assert page.locator("#shown").get_attribute("role") == "status"
    choose(page, "concurrency", "4")
    assert page.locator("#shown").inner_text() == f"0 of {count} rows, 0 families"
    page.get_by_role("button", name="Show all rows").click()
    assert len(visible_rows(page)) == count


def test_a_chosen_workload_shows_its_median_and_interval(page: Page, made: Made, site: Path):
    visit(page, site, "?workload=chat")
    for row in made.view.rows:
        figure = row.figures[0]
        wanted = f"{figure.text} [{figure.interval}]" if figure.interval else figure.text
        link = page.locator(f"#{row.id} .speed")
        assert " ".join(link.inner_text().split()) == wanted
        assert link.get_attribute("href") == figure.href
    assert page.locator(".chart:visible h3").all_inner_texts() == ["Chat at 1 stream"]
    choose(page, "workload", "")
    row = made.view.rows[0]
    assert page.locator(f"#{row.id} .speed").inner_text().strip() == row.text
    assert page.locator(f"#{row.id} .speed").get_attribute("href") == row.href


def test_columns_sort_by_keyboard_and_say_so(page: Page, site: Path):
    visit(page, site)
    header = page.locator(".family:has(h3:text-is('LFM2')) th[data-column=decode]")
    assert header.get_attribute("aria-sort") == "descending"
    fastest_first = speeds(page, "LFM2")
    assert fastest_first[0] == "485.5 – 529.6"
    header.locator("button").focus()
    page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    assert speeds(page, "LFM2") == fastest_first[::-1]
    variant = page.locator(".family:has(h3:text-is('LFM2')) th[data-column=variant]")
    variant.locator("button").focus()
    page.keyboard.press("Space")
    assert variant.get_attribute("aria-sort") == "ascending"
    assert header.get_attribute("aria-sort") is None
    names = page.locator(".family:has(h3:text-is('LFM2')) tbody th").all_inner_texts()
    assert names == ["1.2B", "1.2B-Tool", "2.6B", "8B-A1B"]
    assert page.url.endswith("?sort=variant")


def test_rows_without_a_figure_stay_last_whichever_way_it_sorts(page: Page, site: Path):
    for order in ("asc", "desc"):
        visit(page, site, f"?order={order}&workload=agent&hardware=shared-vm-2core")
        assert speeds(page, "SmolLM2")[-1] == "crashed"


def test_a_definition_shows_on_focus_and_hover_and_escape_closes_it(page: Page, site: Path):
    visit(page, site)
    tip = page.locator("#tip")
    assert tip.is_hidden()
    page.locator("th[data-column=quant] button").first.focus()
    assert tip.inner_text().strip() == DEFINITIONS["quant"].meaning
    page.keyboard.press("Escape")
    assert tip.is_hidden()
    page.locator("th[data-column=decode] button").first.hover()
    assert tip.inner_text().strip() == DEFINITIONS["decode_tok_s"].meaning
    page.locator("#tip").hover()
    page.wait_for_timeout(300)
    assert tip.is_visible()
    page.locator("h1").hover()
    page.wait_for_function("document.querySelector('#tip').hidden")


def test_a_number_tells_its_repetitions_and_interval_on_focus(page: Page, made: Made, site: Path):
    visit(page, site)
    row = next(row for row in made.view.rows if row.source_text == "measured")
    page.locator(f"#{row.id} .speed").focus()
    words = " ".join(page.locator("#tip").inner_text().split())
    for figure in row.figures:
        assert f"{figure.title} {figure.text} tok/s [{figure.interval}], n = 5." in words


def test_a_number_leads_to_its_cell_on_the_models_page(page: Page, made: Made, site: Path):
    visit(page, site, "?workload=rag")
    row = next(row for row in made.view.rows if row.source_text == "measured")
    page.locator(f"#{row.id} .speed").click()
    target = page.locator(":target")
    assert target.locator("th").inner_text() == "Retrieval"
    assert row.figures[1].text in target.inner_text()


def test_charts_never_contradict_the_filter(page: Page, made: Made, site: Path):
    visit(page, site, "?hardware=shared-vm-2core&concurrency=4")
    inside = set(visible_rows(page))
    assert page.locator(".chart:visible .at").all_inner_texts() == ["at 4 streams"] * 4
    assert "Faded bars" in page.locator("#charts-note").inner_text()
    charts = [chart for chart in made.view.charts if chart.concurrency == 4]
    assert len(charts) == 4
    for chart in charts:
        figure = page.locator(f"#{chart.id}")
        clear = figure.locator(".wide .bars_marks path:not(.outside)")
        drawn = clear.evaluate_all("marks => marks.map(mark => mark.dataset.row)")
        lines = figure.locator("tbody tr:not([hidden])")
        listed = lines.evaluate_all("rows => rows.map(row => row.dataset.row)")
        wanted = [bar.row.id for bar in chart.bars if bar.row.id in inside]
        assert drawn == listed == wanted
    choose(page, "hardware", "")
    choose(page, "concurrency", "")
    assert page.locator("#charts-note").inner_text() == ""
    assert page.locator(".outside").count() == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window_and_chart_text_stays_readable(
    browser: Browser, site: Path, width: int
):
    context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
    page = context.new_page()
    for name in ("index.html", "data.html", f"models/{SMOLLM2.slug}.html"):
        page.goto((site / name).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    visit(page, site)
    found = measured_drawings(page, 4)
    page.goto((site / f"models/{SMOLLM2.slug}.html").as_uri())
    found += measured_drawings(page, 2)
    context.close()
    for drawing in found:
        assert drawing["over"] <= 0.5
        assert drawing["smallest"] >= 11
        assert drawing["clipped"] == []


def measured_drawings(page: Page, count: int) -> list[dict]:
    """Of each visible chart: px beyond its home, smallest text, texts that are cut off."""
    drawings = page.locator(".drawing:visible")
    assert drawings.count() == count
    return drawings.evaluate_all(
        """svgs => svgs.map(svg => {
          const box = svg.getBoundingClientRect(), home = svg.parentNode.getBoundingClientRect();
          const scale = box.width / svg.viewBox.baseVal.width;
          const texts = Array.from(svg.querySelectorAll("text"));
          return {
            over: box.right - home.right,
            smallest: Math.min(...texts.map(t => parseFloat(t.getAttribute("font-size")) * scale)),
            clipped: texts.filter(t => {
              const own = t.getBoundingClientRect();
              return own.left < box.left - 1 || own.right > box.right + 1;
            }).map(t => t.textContent),
          };
        })"""
    )


def test_the_theme_can_be_chosen_and_is_kept(browser: Browser, site: Path):
    context = browser.new_context(color_scheme="light", offline=True)
    page = context.new_page()
    visit(page, site)
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.locator("#theme").click()
    page.locator("#theme").click()
    assert page.locator("#theme").inner_text() == "Theme: dark"
    assert page.evaluate(background) != light
    page.reload()
    assert page.evaluate(background) != light
    context.close()


def contrast(first: str, second: str) -> float:
    """WCAG 2 contrast of two `rgb(r, g, b)` colours."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in colour[4:-1].split(",")]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_marks_have_enough_contrast(browser: Browser, site: Path, scheme: str):
    context = browser.new_context(color_scheme=scheme, offline=True)  # type: ignore[arg-type]
    page = context.new_page()
    visit(page, site)

    def colour(token: str) -> str:
        return page.evaluate(
            """token => {
              const probe = document.createElement("i");
              probe.style.color = `var(${token})`;
              document.body.append(probe);
              return getComputedStyle(probe).color;
            }""",
            token,
        )

    for ground in ("--paper", "--panel"):
        for text in ("--ink", "--ink-2", "--link", "--good", "--warn", "--bad"):
            assert contrast(colour(text), colour(ground)) >= 4.5, (text, ground)
    for mark in ("--bar", "--line-2"):
        assert contrast(colour(mark), colour("--paper")) >= 3, mark
    context.close()


EVIL = '"><img src=x onerror=alert(1)>{{7*7}}</script><script>alert(2)</script>'


def test_hostile_words_in_any_field_are_shown_as_text(page: Page, tmp_path: Path):
    model = SMOLLM2.model_copy(
        update={
            "family": f"=cmd|{EVIL}"[:60],
            "variant": EVIL[:60],
            "quant": "<i>Q4</i>",
            "creator": EVIL[:80],
            "licence": EVIL,
            "file_name": EVIL,
        }
    )
    gpu = Gpu.model_validate({**H100.model_dump(), "name": EVIL, "driver": EVIL})
    run = measured_run(
        rig="evil-rig", backend="cuda", workloads=["chat"], model=model, **curve_and_bare_engine()
    )
    changed = run.model_dump()
    changed["inventory"]["gpus"] = [gpu.model_dump()]
    changed["inventory"]["os"]["name"] = EVIL
    changed["inventory"]["gaps"] = [EVIL]
    changed["engine"] |= {"build": EVIL, "version_line": EVIL, "env": {"A": EVIL}}
    changed["servers"][0] |= {"argv": ["llama-server", EVIL], "log_proof": [EVIL]}
    changed["servers"][0]["memory"]["reason"] = EVIL
    changed["servers"][1]["memory"] |= {"verdict": "unverified", "reason": EVIL}
    changed["servers"].append({"argv": [EVIL], "failure": {"kind": "load", "message": EVIL}})
    changed["curves"] = [failed_point(512).model_dump(), changed["curves"][0]]
    changed["curves"][0]["failure"]["message"] = EVIL
    changed["bare_engine"] |= {"version_line": EVIL, "argv": ["llama-bench", EVIL]}
    changed["bare_engine"]["failure"] = {"kind": "crash", "message": EVIL}
    changed["bandwidth"] = [
        {"device": EVIL, "bytes_per_s": 1e9, "source": "theoretical", "how": EVIL}
    ]
    changed["cells"][0]["telemetry"][0]["throttle_reasons"] = [EVIL]
    source = {"title": EVIL, "url": f"javascript:{EVIL}", "note": EVIL}
    imported = imported_run(model=model, source=source)
    made = make(tmp_path / "project", [type(run).model_validate(changed), imported])
    made.build()
    site = made.project.site
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    for path in sorted(site.rglob("*.html")):
        page.goto(path.as_uri())
        assert page.locator("img, main script").count() == 0
    visit(page, site)
    assert EVIL in page.locator(".rows").first.inner_text()
    assert "{{7*7}}" in page.locator(".family summary").first.inner_text()
    page.locator(".speed").first.focus()
    assert page.locator("#tip img").count() == 0
    page.goto((site / "models" / f"{model.slug}.html").as_uri())
    page.locator(".run details").evaluate_all("all => all.forEach(d => { d.open = true; })")
    words = page.locator("main").inner_text()
    assert words.count(EVIL) >= 20
    assert page.locator(".drawing.panel").count() == 2
    assert page.locator("a[href^='javascript']").count() == 0
    assert not dialogs
