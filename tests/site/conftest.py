"""Sites made by the real refresh from real run files, and a real browser to read them."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from bench_pipeline.paths import Project, checkout
from bench_pipeline.records.cell import Failure
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import write_run
from bench_pipeline.site.build import SiteReport, build_site
from bench_pipeline.site.source import Tables, read_tables
from bench_pipeline.site.view import Site, view
from bench_pipeline.warehouse.refresh import refresh
from bench_pipeline.warehouse.stamps import Stamp
from bench_pipeline.warehouse.store import Warehouse
from tests.browser import chromium
from tests.curve_factories import curve_and_bare_engine, imported_run
from tests.factories import SMOLLM2, failed_cell, measured_cell, measured_run
from tests.once import once
from tests.session_factories import session_runs
from tests.site.browsing import heard

EARLIER = datetime(2026, 11, 20, 8, tzinfo=UTC)
GEMMA3 = SMOLLM2.model_copy(
    update={
        "slug": "gemma-3-270m-q4_k_m",
        "family": "Gemma-3",
        "released": "2025-03",
        "variant": "270m",
        "quant": "Q4_K_M",
        "sha256": "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        "size_bytes": 253113024,
    }
)
MISTRAL = SMOLLM2.model_copy(
    update={
        "slug": "mistral-large-123b-q4_k_m",
        "family": "Mistral-Large",
        "variant": "123B",
        "quant": "Q4_K_M",
        "sha256": "b5" * 32,
    }
)
OUT_OF_MEMORY = Failure(
    kind="oom",
    message="unable to allocate a CPU buffer of 73 GiB",
    log_tail=["ggml_aligned_malloc: insufficient memory"],
)


def on_h100(**fields: object) -> Run:
    return measured_run(rig="h100-vm", backend="cuda", build="b11434", **fields)  # type: ignore[arg-type]


def a_bit_of_everything() -> list[Run]:
    """CPU and GPU, full and quick, cells that failed, a run that failed, one that spilled, a curve
    with its bare engine, figures of somebody's llama-bench, two builds measured in turns of which
    the newer decodes faster and nobody can say how it reads."""
    some_failed = [
        measured_cell("chat", 1, decode_tok_s=108),
        measured_cell("rag", 1, decode_tok_s=99),
        failed_cell("codegen", 1, "timeout"),
        failed_cell("agent", 1, "crash"),
    ]
    return [
        measured_run(),
        measured_run(model=GEMMA3, decode_tok_s=62),
        measured_run(build="b10092", started_at=EARLIER, cells=some_failed),
        measured_run(
            model=MISTRAL,
            started_at=EARLIER,
            cells=[],
            status="failed",
            failure=OUT_OF_MEMORY,
        ),
        on_h100(
            decode_tok_s=742,
            prefill_tok_s=31000,
            **curve_and_bare_engine(decode_tok_s=742, prefill_tok_s=31000),
        ),
        imported_run(),
        *session_runs(
            {"b10068": 1.0, "b10092": 1.2},
            prefill_speeds={"b10068": 1.0, "b10092": 1.0},
            turns=3,
            workloads=("chat", "rag"),
            model=GEMMA3,
            decode_tok_s=44,
            ended="budget",
            started_at=EARLIER,
        ),
        on_h100(decode_tok_s=510, model=GEMMA3, profile="quick"),
        on_h100(decode_tok_s=11, model=MISTRAL, memory_verdict="spilled"),
    ]


@dataclass(frozen=True)
class Made:
    """A project with a refreshed warehouse, which is read once as long as nobody writes to it."""

    project: Project
    _known: dict[str, tuple[Stamp, Any]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def tables(self) -> Tables:
        return self._once("tables", self._read)

    @property
    def view(self) -> Site:
        return self._once("view", lambda: view(self.tables))

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        stamp = Stamp.of(self.project.warehouse.stat())
        known = self._known.get(name)
        if known is None or known[0] != stamp:
            self._known[name] = stamp, make()
        return self._known[name][1]

    def _read(self) -> Tables:
        with Warehouse(self.project.warehouse).read() as connection:
            return read_tables(connection, self.project.warehouse)

    def build(self) -> SiteReport:
        return build_site(self.project.warehouse, self.project.site)


def make(folder: Path, runs: list[Run], *, published: bool = False) -> Made:
    """A project in `folder` with these runs, refreshed; with the published ones if wanted."""
    project = Project(folder)
    shutil.copytree(checkout().content, project.content, ignore=shutil.ignore_patterns("runs"))
    if published:
        shutil.copytree(checkout().runs / "gaming-desktop", project.runs / "gaming-desktop")
    for run in runs:
        write_run(run, project.runs)
    report = refresh(project)
    assert not report.rejected, report.rejected
    return Made(project)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Everything at once, built. Tests may read it, not change it."""
    return Made(
        Project(
            once(
                tmp_path_factory,
                "a-bit-of-everything",
                lambda folder: make(folder, a_bit_of_everything(), published=True).build(),
            )
        )
    )


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Figures from elsewhere alone, built. Tests may read it, not change it."""
    from tests.site.elsewhere import make_elsewhere

    return Made(Project(once(tmp_path_factory, "from-elsewhere", make_elsewhere)))


@pytest.fixture(scope="session")
def site(made: Made) -> Path:
    return made.project.site


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """For as long as this folder's tests run."""
    with chromium() as browser:
        yield browser


DESKTOP: ViewportSize = {"width": 1350, "height": 900}


def one_window(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """Without network, with one page for all tests: another, and its first visit, cost more than
    the largest page does in one that has been used."""
    context = browser.new_context(viewport=DESKTOP, offline=True, **options)
    context.new_page()
    yield context
    context.close()


@pytest.fixture(scope="package")
def desktop(browser: Browser) -> Iterator[BrowserContext]:
    yield from one_window(browser)


@pytest.fixture(scope="package")
def scriptless(browser: Browser) -> Iterator[BrowserContext]:
    yield from one_window(browser, java_script_enabled=False)


def leave(page: Page) -> None:
    """Nothing is kept, and nothing loaded: an address that differs from the last one by its anchor
    alone would load nothing."""
    if page.url.startswith("file:"):
        page.evaluate("localStorage.clear()")
    page.goto("about:blank")


def as_new(context: BrowserContext) -> Page:
    """Its page as it was before any test."""
    page, *opened = context.pages
    for other in opened:
        other.close()
    if page.url != "about:blank":
        leave(page)
    page.emulate_media(color_scheme="null", media="null")
    page.set_viewport_size(DESKTOP)
    page.mouse.move(0, 0)
    return page


@contextmanager
def without_errors(page: Page) -> Iterator[Page]:
    """Fails on any error in its console meanwhile."""
    errors: list[str] = []
    with (
        heard(page, "pageerror", lambda error: errors.append(str(error))),
        heard(page, "console", lambda line: line.type == "error" and errors.append(line.text)),
    ):
        yield page
    assert not errors


@pytest.fixture
def page(desktop: BrowserContext) -> Iterator[Page]:
    """A desktop page without network, which no earlier test has left anything to; the test fails
    on any error in its console."""
    with without_errors(as_new(desktop)) as page:
        yield page
        leave(page)


@pytest.fixture
def lasting(desktop: BrowserContext) -> Iterator[Page]:
    """As `page`, in which what an earlier test opened is still there: to go back to an address
    costs a tenth of coming to it. Each test begins by an address."""
    page = desktop.pages[0]
    page.set_viewport_size(DESKTOP)
    with without_errors(page):
        yield page


@pytest.fixture
def without_script(scriptless: BrowserContext) -> Page:
    return as_new(scriptless)
