"""The page of two configurations stays light however many there are, and loses none of them."""

import gzip
import json
import re
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from bench_pipeline.site import wording
from bench_pipeline.site.compare import pairs as compare_pairs
from bench_pipeline.site.compare.address import PAGE, model_part
from bench_pipeline.site.compare.configurations import METRICS, Catalogue, CompareCell, catalogue
from bench_pipeline.site.compare.pairs import Kind, natural_pairs, pairs_by_model
from bench_pipeline.site.compare.rule import Value
from bench_pipeline.site.compare.two import Pair
from bench_pipeline.site.pages.compare import page, scripts
from bench_pipeline.site.pages.press import Press
from tests.site.conftest import Made

MODELS, RIGS, BACKENDS, STREAMS = 600, 3, ("cuda", "vulkan", "rocm"), (1, 4, 8)
OF_A_FAMILY = 6
WITH_DIGITS_OF_THEIR_OWN = 12
"""The newest models, whose pairs may stand in the page in full: repeated digits would compress to
nothing."""


def farm(known: Catalogue) -> Catalogue:
    """600 models on 3 machines with 3 backends each, all workloads at 3 concurrencies."""
    random = np.random.default_rng(1)
    like = next(c for c in known.configurations if c.row["backend"] == "cuda" and c.cells)
    cells = _cells(known, random)
    configurations = []
    for number in range(MODELS):
        for place in range(RIGS * len(BACKENDS)):
            rig, backend = f"machine-{place // 3}", BACKENDS[place % 3]
            own = {
                "model": f"maker-{number // OF_A_FAMILY}-model-{number}b-instruct-q4_k_m",
                "family": f"Maker-{number // OF_A_FAMILY}",
                "rig": rig,
                "backend": backend,
            }
            if number < WITH_DIGITS_OF_THEIR_OWN:
                cells = _cells(known, random)
            configurations.append(
                replace(
                    like,
                    id=f"{own['model']}--{rig}--{backend}--b10434",
                    model=own["model"],
                    name=f"Maker-{number // OF_A_FAMILY} Model {number}B-Instruct Q4_K_M",
                    parts=(f"{wording.backend_name(backend)} b10434", "RTX 5070", rig),
                    cells=cells,
                    concurrencies=STREAMS,
                    with_figures=STREAMS,
                    row={**like.row, **own},
                )
            )
    configurations.sort(key=lambda one: (one.label, one.id))
    return replace(known, configurations=tuple(configurations), sessions={})


def _cells(known: Catalogue, random: np.random.Generator) -> dict[tuple[str, int], CompareCell]:
    run = random.bytes(6).hex()
    return {
        (workload, streams): CompareCell(
            key=f"{run}/{workload}/{streams}",
            workload=workload,
            concurrency=streams,
            href=f"runs/{run}.html#{workload}-{streams}",
            n=int(random.integers(5, 30)),
            reason="",
            flags=(),
            values={metric: _value(float(random.uniform(1, 900))) for metric in METRICS},
        )
        for workload in known.workloads
        for streams in STREAMS
    }


def _value(median: float) -> Value:
    low, high = median * 0.99, median * 1.01
    return Value(wording.decimal(median), wording.span(low, high), median, low, high)


@pytest.fixture(scope="module")
def known(made: Made) -> Catalogue:
    return catalogue(made.tables)


@pytest.fixture(scope="module")
def large(known: Catalogue) -> Catalogue:
    return farm(known)


@pytest.fixture(scope="module")
def pages(made: Made, large: Catalogue) -> dict[str, bytes]:
    choices, made = scripts(large)
    titles = [{"workload": name, "title": title} for name, title in large.workloads.items()]
    return {PAGE: page(Press(), large, choices, titles)} | made


def test_a_page_of_5400_configurations_is_light(large: Catalogue, pages: dict[str, bytes]):
    assert len(large.configurations) == 5400
    page = pages[PAGE]
    assert len(gzip.compress(page, mtime=0)) <= 45_000
    assert len(page) <= 500_000
    scripts = [len(gzip.compress(script, mtime=0)) for path, script in pages.items() if "/" in path]
    assert max(scripts) <= 40_000


def test_every_configuration_is_in_the_script_of_its_model(
    large: Catalogue, pages: dict[str, bytes]
):
    offered = re.findall(r'<option value="([^"]+)" data-figures="([^"]+)"', pages[PAGE].decode())
    assert {path for _, path in offered} == set(pages) - {PAGE}
    by_model = defaultdict(list)
    for configuration in large.configurations:
        by_model[model_part(configuration.model)].append(configuration.id)
    assert [part for part, _ in offered] == list(by_model)
    for part, path in offered:
        figures = json.loads(pages[path].removeprefix(b"comparisonFigures(").removesuffix(b");\n"))
        assert figures["model"] == part
        assert list(figures["configurations"]) == by_model[part]
        assert all(id.startswith(f"{part}--") for id in by_model[part])


def test_each_pair_is_named_in_the_scripts_of_both_its_models(known: Catalogue):
    kinds = natural_pairs(known)
    assert not any(kind.more for kind in kinds)
    named = pairs_by_model(known)
    for kind in kinds:
        for pair in kind.shown:
            for side in (pair.a, pair.b):
                assert (pair.a.id, pair.b.id) in _ends(named[side.configuration.model], kind.title)
    for model, own in named.items():
        assert all(model in _models(pair) for kind in own for pair in kind.shown)


def test_many_pairs_of_a_model_are_cut_kind_by_kind_and_counted(known: Catalogue, monkeypatch):
    whole = pairs_by_model(known)
    model, kinds = max(whole.items(), key=lambda item: sum(len(k.shown) for k in item[1]))
    count = sum(len(kind.shown) for kind in kinds)
    monkeypatch.setattr(compare_pairs, "PAIRS_OF_A_MODEL", len(kinds))
    cut = pairs_by_model(known)[model]
    assert [kind.shown for kind in cut] == [kind.shown[:1] for kind in kinds]
    assert sum(len(kind.shown) + kind.more for kind in cut) == count > len(kinds)


def test_pairs_without_a_common_figure_use_up_the_page_too(large: Catalogue):
    """Where no workload is declared, no comparison has a line."""
    kinds = natural_pairs(replace(large, workloads={}))
    whole = sum(len(kind.shown) for kind in kinds)
    assert 0 < whole <= compare_pairs.MAX_LINES / compare_pairs.LINES_OF_A_HEAD + 1
    assert all(kind.more > 1000 for kind in kinds)


def _ends(kinds: list[Kind[Pair]], title: str) -> set[tuple[str, str]]:
    return {(p.a.id, p.b.id) for kind in kinds if kind.title == title for p in kind.shown}


def _models(pair: Pair) -> set[str]:
    return {pair.a.configuration.model, pair.b.configuration.model}
