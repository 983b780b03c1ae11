"""What a visitor meets, in a real browser, over file:// and without any network."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from bench_pipeline.measures.definitions import DEFINITIONS
from bench_pipeline.records.inventory import Gpu
from tests.curve_factories import curve_and_bare_engine, failed_point, imported_run
from tests.factories import H100, SMOLLM2, measured_run
from tests.site.browsing import visit
from tests.site.conftest import make

WIDTHS = (320, 412, 1350)


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
    found = measured_drawings(page, 5)
    page.goto((site / f"models/{SMOLLM2.slug}.html").as_uri())
    found += measured_drawings(page, 8)
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
        assert page.locator("img, main script:not([type='application/json'])").count() == 0
    visit(page, site)
    assert EVIL in page.locator(".rows").first.inner_text()
    assert "{{7*7}}" in page.locator(".family summary").first.inner_text()
    page.locator(".speed").first.focus()
    assert page.locator("#tip img").count() == 0
    page.goto((site / "runs" / f"{run.run_id}.html").as_uri())
    page.locator("details").evaluate_all("all => all.forEach(d => { d.open = true; })")
    words = page.locator("main").inner_text()
    assert words.count(EVIL) >= 20
    assert page.locator(".drawing.panel").count() == 5
    assert page.locator("a[href^='javascript']").count() == 0
    assert not dialogs
