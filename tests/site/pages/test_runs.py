"""A run's page holds its whole file, and a model's page leads to it."""

import gzip
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from playwright.sync_api import Page

from bench_pipeline.records.cell import Failure
from bench_pipeline.site.earlier import Earlier
from bench_pipeline.site.pages import models as model_pages
from bench_pipeline.site.pages import rigs as pages_of_rigs
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.rigs.view import rig_pages
from bench_pipeline.site.runs.view import RunPage
from bench_pipeline.site.view import view
from tests.curve_factories import curve_and_bare_engine
from tests.factories import SMOLLM2, measured_cell, measured_run
from tests.site.conftest import EARLIER, Made, make
from tests.site.every_kind import set_width

HOSTILE = '"><img src=x onerror=alert(1)> \u202eevil\u202c 🦙 ' + "long" * 200
MAX_MODEL_PAGE_BYTES = 30_000


@pytest.fixture(scope="module")
def h100(made: Made) -> RunPage:
    runs = [run for model in made.view.models for run in model.runs]
    return next(run for run in runs if run.rig == "h100-vm" and run.curve)


def pressed(made: Made, folder: Path) -> Path:
    """The pages of runs, models and rigs alone: what else a site has takes its time to draw."""
    tables = made.tables
    site = view(tables)
    press = Press()
    written = dict(press.files)
    written |= model_pages.pages(press, site.models, tables, Earlier())
    for rig in rig_pages(tables, site.runs):
        written |= pages_of_rigs.pages(press, rig)
    for path, content in written.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def text_of(made: Made, run: RunPage) -> str:
    return (made.project.site / run.href).read_text()


def test_the_page_offers_its_file_with_its_hash(made: Made, site: Path):
    for run in (run for model in made.view.models for run in model.runs):
        content = (site / "data" / "runs" / run.file).read_bytes()
        text = text_of(made, run)
        assert f'href="../data/runs/{run.file}" download' in text
        assert sha256(gzip.decompress(content)).hexdigest() in text


def test_telemetry_memory_proof_and_log_are_on_the_page(made: Made, h100: RunPage):
    text = text_of(made, h100)
    assert len(h100.telemetry) == len(h100.cells)
    row = h100.telemetry[0]
    assert (row.device, row.power.text, row.power.under) == ("CUDA0", "350.0", "at most 365.2")
    assert row.samples.under == "every 100 ms"
    server = h100.servers[0]
    assert dict(zip(("weights", "kv"), server.buffers[0].mib, strict=False)) == {
        "weights": "93.7",
        "kv": "180.0",
    }
    assert server.devices[0].mib == ("81559.0", "480.0", "900.0", "912.0", "410.0", "421.0")
    assert all(mib in text for mib in server.devices[0].mib)
    assert "load_tensors: offloaded 31/31 layers to GPU" in text


def test_a_run_says_the_command_that_makes_it_again(h100: RunPage, tmp_path: Path):
    assert h100.repeat == (
        "make bench MODEL=smollm2-135m-instruct-q4_1 BACKEND=cuda PROFILE=full BUILD=b11434"
    )
    odd = measured_run(build="my build", workloads=["chat"], concurrencies=[1])
    (run,) = make(tmp_path, [odd]).view.models[0].runs
    assert run.repeat == ""  # what a shell would take apart is nobody's to paste


def test_a_published_run_has_no_command_to_repeat_it(made: Made):
    runs = [run for model in made.view.models for run in model.runs if run.status == "published"]
    assert runs and not any(run.repeat or run.samples or run.servers for run in runs)


def test_a_failed_run_shows_the_engines_last_lines(made: Made):
    runs = [run for model in made.view.models for run in model.runs if run.status == "failed"]
    for run in runs:
        assert "ggml_aligned_malloc: insufficient memory" in text_of(made, run)
    assert runs


def test_hostile_words_are_shown_as_text_on_every_page_of_a_run(tmp_path: Path, page: Page):
    failure = Failure(kind="oom", message=HOSTILE, log_tail=[HOSTILE])
    model = SMOLLM2.model_copy(update={"family": HOSTILE, "variant": "x", "file_name": HOSTILE})
    run = measured_run(
        model=model,
        build=HOSTILE[:60],
        cells=[measured_cell("chat", 1, decode_tok_s=100.0)],
        status="failed",
        failure=failure,
    )
    made = make(tmp_path / "project", [run])
    site = pressed(made, tmp_path / "site")
    (shown,) = made.view.models[0].runs
    for href in (shown.href, shown.model_href, shown.rig_href):
        page.goto((site / href).as_uri())
        assert page.locator("img").count() == 0
        assert HOSTILE[:40] in page.locator("main").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= 1350


def test_a_models_page_stays_light_with_many_runs(tmp_path: Path):
    runs = [
        measured_run(
            workloads=["chat", "rag"],
            concurrencies=[1],
            started_at=EARLIER + timedelta(hours=number),
            **curve_and_bare_engine(),
        )
        for number in range(12)
    ]
    made = make(tmp_path / "project", runs)
    (model,) = made.view.models
    content = (pressed(made, tmp_path / "site") / model.href).read_bytes()
    assert len(gzip.compress(content)) <= MAX_MODEL_PAGE_BYTES
    text = content.decode()
    assert all(f'href="../{run.href}"' in text for run in model.runs)
    assert text.count('class="drawing panel"') == 3  # of the best run alone


def test_a_number_of_the_front_page_leads_to_the_very_cell_and_all_samples_have_their_scale(
    made: Made, site: Path, page: Page
):
    row = next(row for row in made.view.rows if row.model == SMOLLM2.slug and row.low)
    figure = next(figure for figure in row.figures if figure.tok_s is not None)
    page.goto(f"{site.as_uri()}/{figure.href}")
    cell = page.locator("tr:target")
    assert figure.text in cell.inner_text()
    assert cell.bounding_box()["y"] < 900
    drawn = page.locator(".strip :is(.strip-scale, use)").evaluate_all(
        "parts => parts.map(part => { const b = part.getBBox(); return [b.x, b.width, b.height]; })"
    )
    assert len(drawn) == page.locator(".strip").count() > 1
    assert all(box == pytest.approx(drawn[0], abs=0.5) for box in drawn)


def overflow(page: Page, label: str) -> int:
    region = page.get_by_role("region", name=label)
    return int(region.evaluate("region => region.scrollWidth - region.clientWidth"))


def test_all_columns_of_a_run_fit_a_desktop_window(tmp_path: Path, page: Page):
    cell = measured_cell(
        *("codegen", 16),
        decode_tok_s=1234.0,
        prefill_tok_s=123456.0,
        device="CUDA0",
        reasoning_tokens=20,
        draft_acceptance=0.71,
    )
    draft = SMOLLM2.model_copy(update={"slug": "small"})
    run = measured_run(mode="draft-small", draft=draft, cells=[cell])
    made = make(tmp_path / "project", [run])
    (shown,) = made.view.models[0].runs
    assert len(shown.metrics) >= 10
    page.goto((pressed(made, tmp_path / "site") / shown.href).as_uri())
    assert overflow(page, "Cells of this run") <= 0


@pytest.mark.parametrize("width", [320, 412])
def test_a_phone_scrolls_the_table_and_keeps_its_first_column(
    page: Page, made: Made, h100: RunPage, width: int
):
    set_width(page, width)
    page.goto((made.project.site / h100.href).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    region = page.get_by_role("region", name="Cells of this run")
    assert overflow(page, "Cells of this run") > 0
    assert region.get_attribute("tabindex") == "0"
    region.evaluate("region => region.scrollTo(9999, 0)")
    first = region.locator("tbody th").first.bounding_box()
    assert abs(first["x"] - region.bounding_box()["x"]) <= 1
    assert first["width"] < 0.5 * width
    for strip in page.locator("svg.strip").all():
        box = strip.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
