"""What two engines side by side allow to be concluded, in the page and by its script."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from bench_pipeline.records.run import Run
from bench_pipeline.site.compare.configurations import catalogue
from bench_pipeline.site.compare.facts import several_streams, threads
from bench_pipeline.site.compare.pairs import natural_pairs
from bench_pipeline.site.compare.two import Comparison
from tests.factories import SMOLLM2, measured_run
from tests.other_engines import of_another_family, one_clock
from tests.site.compare.test_in_browser import shown_and_written, squeezed, visit
from tests.site.conftest import Made, make

MANY = {"workloads": ["chat"], "concurrencies": [1, 4]}
UNPACKED = SMOLLM2.model_copy(
    update={"slug": "smollm2-bf16", "quant": "BF16", "sha256": "ab" * 32, "size_bytes": 272 * 10**6}
)


def started_with(run: Run, *argv: str) -> Run:
    servers = [server.model_copy(update={"argv": ["engine", *argv]}) for server in run.servers]
    return run.model_copy(update={"servers": servers})


OURS = started_with(measured_run(**MANY, seed=3), "--threads", "1")
TWIN = started_with(of_another_family([], "das", **MANY, seed=4), "--threads", "1")
APART = one_clock(of_another_family(["own_clock"], "tra", **MANY, seed=5)).model_copy(
    update={"model": UNPACKED}
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("three"), [OURS, TWIN, started_with(APART)])


@pytest.fixture(scope="module")
def pairs(site: Made) -> list[Comparison]:
    kinds = natural_pairs(catalogue(site.tables))
    return [two for kind in kinds if "engines" in kind.title for two in kind.shown]


def concluded(pairs: list[Comparison], *engines: str) -> str:
    (two,) = [two for two in pairs if all(f"{name} " in two.engines for name in engines)]
    return " ".join(two.conclusions)


def test_of_one_file_by_two_clocks_the_engine_is_what_differs(pairs: list[Comparison]) -> None:
    told = concluded(pairs, "llama.cpp", "das")
    assert "the very same file" in told and "not the same weights" not in told
    assert "Both were timed by the engine's own clock and ours." in told
    assert "compute with 1 thread" in told and "Several streams both answered at once" in told
    assert "as long as was asked for" in told


def test_of_other_weights_and_one_clock_that_is_said(pairs: list[Comparison]) -> None:
    told = concluded(pairs, "llama.cpp", "tra")
    assert "not the same weights" in told and "BF16 of 272.0 MB" in told
    assert "our clock alone" in told and "neither faster nor slower" in told
    assert "as many threads as it likes" in told


def test_nothing_of_the_kind_is_said_of_one_engine(made: Made) -> None:
    for kind in natural_pairs(catalogue(made.tables)):
        for two in kind.shown:
            engines = {f.a for f in two.differ if f.fact == "Engine"}
            assert bool(two.conclusions) <= bool(engines)


def test_the_script_concludes_the_same(page: Page, site: Made, pairs: list[Comparison]) -> None:
    folder: Path = site.project.site
    site.build()
    visit(page, folder)
    asked = {two.key: two.href.removeprefix("compare.html") for two in pairs}
    assert len(asked) >= 2
    for shown, title, whole in shown_and_written(page, asked).values():
        assert squeezed(shown) == squeezed(whole).removeprefix(squeezed(title))
        assert "Whatmaybeconcluded" in squeezed(shown)


def test_threads_are_what_the_engine_was_told() -> None:
    assert threads(["server", "--threads", "4"], {}) == "4 threads"
    assert threads(["server"], {"OMP_NUM_THREADS": "1"}) == "1 thread"
    assert threads(["server"], {}) == "as many threads as it likes"
    assert threads([], {}) == ""


def test_streams_that_are_answered_in_turn_are_told_from_those_that_are_not() -> None:
    refused = {"concurrency": 4, "status": "failed", "failure_kind": "refused"}
    crashed = {**refused, "failure_kind": "crash"}
    assert several_streams([refused]) == "one after the other"
    assert several_streams([crashed]) == several_streams([{**refused, "concurrency": 1}]) == ""
    assert several_streams([refused, {**refused, "status": "ok"}]) == "at once"
