"""Words in run files that are markup, script, endless, right to left: text wherever they show."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Page

from bench_pipeline.records.inventory import Gpu
from bench_pipeline.records.run import Model, Run
from tests.curve_factories import curve_and_bare_engine, failed_point, imported_run
from tests.factories import H100, SMOLLM2, measured_run
from tests.published import unpacked
from tests.session_factories import session_runs
from tests.site.browsing import dialogs
from tests.site.conftest import make
from tests.site.every_kind import WIDTHS, any_two, open_everything, set_width, touch_the_charts

EVIL = '"><img src=x onerror=alert(1)>{{7*7}}</script><script>alert(2)</script>'
STRANGE = f"{EVIL}\u202egnp.\u202c\u05e9\u05dc\u05d5\u05dd\U0001f984" + "W" * 300
MODEL = SMOLLM2.model_copy(
    update={
        "slug": "evil-model",  # names of the catalogue's own come from there
        "sha256": "e5" * 32,
        "family": f"=cmd|{EVIL}"[:60],
        "variant": EVIL[:60],
        "quant": "<i>Q4</i>",
        "creator": f"\u202e\U0001f984{EVIL}"[:80],
        "licence": STRANGE,
        "file_name": STRANGE,
    }
)


def hostile_run(model: Model) -> Run:
    """Whatever a rig writes down in words is `STRANGE`."""
    gpu = Gpu.model_validate({**H100.model_dump(), "name": STRANGE, "driver": STRANGE})
    run = measured_run(
        rig="evil-rig", backend="cuda", workloads=["chat"], model=model, **curve_and_bare_engine()
    )
    changed: dict[str, Any] = run.model_dump()
    changed["inventory"]["gpus"] = [gpu.model_dump()]
    changed["inventory"]["os"]["name"] = STRANGE
    changed["inventory"]["gaps"] = [STRANGE]
    changed["engine"] |= {"build": EVIL, "version_line": STRANGE, "env": {"A": STRANGE}}
    changed["servers"][0] |= {"argv": ["llama-server", STRANGE], "log_proof": [STRANGE]}
    changed["servers"][0]["memory"]["reason"] = STRANGE
    changed["servers"][1]["memory"] |= {"verdict": "unverified", "reason": STRANGE}
    changed["servers"].append({"argv": [STRANGE], "failure": {"kind": "load", "message": STRANGE}})
    changed["curves"] = [failed_point(512).model_dump(), changed["curves"][0]]
    changed["curves"][0]["failure"]["message"] = STRANGE
    changed["bare_engine"] |= {"version_line": STRANGE, "argv": ["llama-bench", STRANGE]}
    changed["bare_engine"]["failure"] = {"kind": "crash", "message": STRANGE}
    changed["bandwidth"] = [
        {"device": STRANGE, "bytes_per_s": 1e9, "source": "theoretical", "how": STRANGE}
    ]
    changed["cells"][0]["telemetry"][0]["throttle_reasons"] = [STRANGE]
    return Run.model_validate(changed)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nothing but hostile runs: a measured one, one of somebody else, a session with a step."""
    source = {"title": STRANGE, "url": f"javascript:{EVIL}", "note": STRANGE}
    session = session_runs({"b10092": 1.0, "b10434": 0.8}, turns=4, model=MODEL)
    runs = [hostile_run(MODEL), imported_run(model=MODEL, source=source), *session]
    made = make(tmp_path_factory.mktemp("hostile") / "project", runs)
    made.build()
    return made.project.site


def test_no_page_takes_them_for_markup_or_gets_wider(page: Page, site: Path):
    with dialogs(page) as said:
        for path in sorted(site.rglob("*.html")):
            page.goto(path.as_uri())
            if path.name == "index.html":
                touch_the_charts(page)
            open_everything(page)
            assert page.locator("img, main script:not([type='application/json'])").count() == 0
            assert page.locator("a[href^='javascript']").count() == 0
            for width in (WIDTHS[0], WIDTHS[-1]):
                set_width(page, width)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        page.goto(f"{(site / 'compare.html').as_uri()}?{any_two(site, page)}")
        page.locator("#compare-result").wait_for()
        assert page.locator("img, main script:not([type='application/json'])").count() == 0
    assert said == []


def test_every_kind_of_page_shows_them_as_they_are(page: Page, site: Path):
    shown = {}
    for kind in ("index", "compare", "trends", "trends/*", "models/*", "rigs/evil*"):
        for path in site.glob(f"{kind}.html"):
            page.goto(path.as_uri())
            shown[kind] = page.locator("main").evaluate("main => main.textContent")
    assert {kind for kind, text in shown.items() if EVIL[:40] not in text} == set()
    page.goto((site / "index.html").as_uri())
    page.locator(".speed").first.focus()
    assert page.locator("#tip img").count() == 0
    page.goto((site / "runs" / f"{hostile_run(MODEL).run_id}.html").as_uri())
    open_everything(page)
    assert page.locator("main").inner_text().count(STRANGE) >= 20


def test_feed_and_downloads_hold_them_as_they_are(site: Path):
    feed = ET.parse(site / "feed.xml").getroot()
    assert MODEL.variant in " ".join(feed.itertext())
    assert {element.tag.rpartition("}")[2] for element in feed.iter()} <= {
        *("feed", "title", "subtitle", "id", "updated", "link", "author", "name"),
        *("entry", "content", "summary", "published", "category"),
    }
    import duckdb

    rows = duckdb.read_parquet(str(site / "data" / "measurements.parquet"))
    assert set(rows.select("creator").fetchall()) == {(MODEL.creator,)}
    for path in (site / "data" / "runs").rglob("*.yaml.gz"):
        assert yaml.safe_load(unpacked(path))["model"]["creator"] == MODEL.creator
