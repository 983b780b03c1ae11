"""Trends of many models: every series within two clicks, on pages that stay light."""

import gzip
import random
import re
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from bench_pipeline.site.pages import trends as trends_pages
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.pages.trends import model_sections
from bench_pipeline.site.source import Row, Tables
from bench_pipeline.site.trends import changes as trends_changes
from bench_pipeline.site.trends import weight as trends_weight
from bench_pipeline.site.trends.changes import changes, open_pairs
from bench_pipeline.site.trends.chart import NARROW, WIDE, Size, draw
from bench_pipeline.site.trends.maker import trends_of
from bench_pipeline.site.trends.series import Series
from tests.site.test_accessibility import assert_no_violations
from tests.site.trends.trend_rows import pages_of, series, step, tables, three_builds

ATOM = "{http://www.w3.org/2005/Atom}"
PLACE = "trends/shared-vm-2core-cpu.html"
MODELS = ("gemma", "gemma-it", "qwen")
PAGES = {f"trends/shared-vm-2core-cpu/{model}.html" for model in MODELS}


def rows_of(*models: str, workloads: tuple[str, ...] = ("chat", "rag")) -> list[Row]:
    return [
        row
        for model in models
        for workload in workloads
        for row in three_builds(model=model, variant=model, workload=workload)
    ]


def press() -> Press:
    return Press()


def made(shown: Tables) -> dict[str, str]:
    found = pages_of(press(), shown)
    return {path: content.decode() for path, content in found.items()}


@pytest.fixture(scope="module")
def divided() -> dict[str, str]:
    """Two cells of each model, where one page has room for five; and a model without a trend."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trends_weight, "CELLS_ON_ONE_PAGE", 5)
        patch.setattr(trends_pages, "CELLS_DRAWN", 1)
        alone = series(step("b10434", 1.0), model="alone", variant="alone")
        return made(tables(*rows_of(*MODELS), *alone))


def test_up_to_the_bound_a_place_has_one_page_and_beyond_it_one_for_each_model(
    monkeypatch: pytest.MonkeyPatch, divided: dict[str, str]
):
    assert {path for path in divided if path.startswith("trends/")} == {PLACE, *PAGES}
    monkeypatch.setattr(trends_weight, "CELLS_ON_ONE_PAGE", 6)
    (whole,) = trends_of(tables(*rows_of(*MODELS)))
    assert not whole.divided
    assert {model.trend_href for model in whole.models} == {PLACE}
    points = 3 * len(MODELS) * 2
    for room in (points, points - 1):
        monkeypatch.setattr(trends_weight, "POINTS_ON_ONE_PAGE", room)
        (trend,) = trends_of(tables(*rows_of(*MODELS)))
        assert trend.divided == (room < points)


def test_every_series_stands_on_a_page_that_the_place_leads_to(divided: dict[str, str]):
    assert f'href="{PLACE}"' in divided["trends.html"]
    linked = set(re.findall(r'href="\.\./(trends/[^"#]+)"', divided[PLACE]))
    assert linked == PAGES
    found = {
        (part, build)
        for path in linked
        for part, body in re.findall(
            r'<tbody data-part="(.*?)">(.*?)</tbody>', divided[path], re.DOTALL
        )
        for build in re.findall(r'data-row="(.*?)"', body)
    }
    (trend,) = trends_of(tables(*rows_of(*MODELS)))
    wanted = {
        (each.id, point.build)
        for model in trend.models
        for figure in model.figures
        for each in figure.series
        for point in each.points
    }
    assert found == wanted
    assert "1 model without a trend yet" in divided[PLACE]
    assert 'href="../models/alone.html"' in divided[PLACE]


def test_a_page_says_how_many_of_its_cells_are_drawn(divided: dict[str, str]):
    for path in PAGES:
        assert divided[path].count('class="drawing wide"') == 1
        assert "Of 2 cells, 1 is drawn" in divided[path]
        assert divided[path].count("<details") == 2


def test_links_of_feed_index_and_models_lead_to_the_figure(
    monkeypatch: pytest.MonkeyPatch, divided: dict[str, str]
):
    feed = ET.fromstring(divided["feed.xml"])
    hrefs = [link.get("href", "") for link in feed.iterfind(f"{ATOM}entry/{ATOM}link[1]")]
    assert len(hrefs) == 6
    hrefs += re.findall(r'href="(trends/[^"]+#[^"]+)"', divided["trends.html"])
    monkeypatch.setattr(trends_weight, "CELLS_ON_ONE_PAGE", 5)
    for (section,) in model_sections(tables(*rows_of(*MODELS))).values():
        hrefs += [f"{section.model.trend_href}#{figure.id}" for figure in section.cells]
    assert len(hrefs) > 12
    for href in hrefs:
        path, _, anchor = href.partition("#")
        assert path in PAGES and f'id="{anchor}"' in divided[path], href


def test_ids_of_the_feed_do_not_change_when_a_place_is_divided(divided: dict[str, str]):
    whole = made(tables(*rows_of(*MODELS)))["feed.xml"]
    assert re.findall("<id>(.*?)</id>", whole) == re.findall("<id>(.*?)</id>", divided["feed.xml"])
    assert whole != divided["feed.xml"]


def faster(model: str, percent: float, build: str = "b2") -> list[Row]:
    ratio = 1 + percent / 100
    newer = step(build, 100 * ratio, "faster", (ratio, ratio - 0.01, ratio + 0.01), flagged=True)
    return series(step("b1", 100.0), newer, model=model, variant=model)


def test_of_a_change_of_many_cells_those_that_changed_most_are_shown_and_all_counted(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(trends_changes, "CELLS_OF_A_CHANGE", 2)
    shown = tables(*faster("a", 5), *faster("b", 12), *faster("c", 9))
    (trend,) = trends_of(shown)
    (change,), older = changes(trend.steps)
    assert [cell.name for cell in change.cells] == ["SmolLM2 b Q4_1", "SmolLM2 c Q4_1"]
    assert (change.more, older) == (1, 0)
    assert change.tallies == (("Decode", "3 faster by 5.0 – 12.0 %"),)
    page = made(shown)["trends.html"]
    assert "3 cells changed: Decode 3 faster by 5.0 – 12.0 %" in page
    monkeypatch.setattr(trends_changes, "CHANGES_ON_A_PAGE", 1)
    (trend,) = trends_of(tables(*faster("a", 5), *faster("b", 3, build="b3")))
    (change,), older = changes(trend.steps)
    assert (change.first.build, older) == ("b3", 1)


def test_pairs_without_a_verdict_are_counted_by_place_once_they_are_many(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(trends_changes, "OPEN_PAIRS_ON_A_PAGE", 2)
    trends = trends_of(tables(*rows_of(*MODELS[:2])))
    names = [pair.name for pair in open_pairs(trends)[0]]
    assert names == ["SmolLM2 gemma Q4_1", "SmolLM2 gemma-it Q4_1"]
    ((pair,), more) = open_pairs(trends_of(tables(*rows_of(*MODELS))))
    assert (pair.name, pair.count, pair.href, more) == ("3 models", 6, PLACE, 0)


def test_a_models_page_draws_a_few_places_and_lists_the_others(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trends_pages, "PLACES_IN_FULL", 1)
    never = series(step("b1", 1.0), step("b2", 1.1, "unjudged"), rig="a-machine")
    (sections,) = model_sections(tables(*three_builds(), *never)).values()
    assert [(one.trend.rig, one.in_full, one.drawing is None) for one in sections] == [
        ("a-machine", False, True),
        ("shared-vm-2core", True, False),
    ]
    assert sections[0].model.tallies == {"decode_tok_s": "1 not judged"}
    assert sections[1].model.tallies == {"decode_tok_s": "1 faster by 12.1 %"}


def test_of_a_series_of_many_builds_other_pages_show_the_newest_and_say_so(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(trends_weight, "POINTS_ON_ONE_PAGE", 2)
    monkeypatch.setattr(trends_pages, "BUILDS_DRAWN", 2)
    shown = tables(*rows_of("gemma", workloads=("chat",)))
    found = made(shown)
    own = found["trends/shared-vm-2core-cpu/gemma.html"]
    every = ["b10068", "b10092", "b10434"]
    for page, builds in ((found[PLACE], every[1:]), (own, every)):
        assert re.findall(r'<tr data-row="(.*?)"', page) == builds
        assert ("the newest 2 of 3 builds" in page) == (len(builds) < 3)
    ((section,),) = model_sections(shown).values()
    assert section.shown and [point.build for point in section.shown.points] == every[1:]


def many_builds(cells: int, builds: int) -> Tables:
    """Of one model, every figure with random digits, every newer build flagged."""
    digits = random.Random(2)
    rows = []
    for number in range(cells):
        for metric in ("decode_tok_s", "prefill_tok_s", "ttft_ms"):
            speeds = [digits.uniform(20, 900) for _ in range(builds)]
            steps = [step("b10000", speeds[0])] + [
                step(
                    f"b{10_000 + 7 * at}",
                    speed,
                    "faster",
                    (1.1, 1.1 - digits.uniform(0, 0.01), 1.1 + digits.uniform(0, 0.01)),
                    flagged=True,
                    run_id=f"{digits.getrandbits(48):012x}",
                )
                for at, speed in enumerate(speeds[1:], 1)
            ]
            names = {"workload": ("chat", "rag", "agent", "codegen")[number % 4]}
            rows += series(*steps, metric=metric, concurrency=(1, 4, 8)[number // 4], **names)
    return tables(*rows)


Drawn = list[tuple[Series, Size]]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """What was asked to be drawn; it stands in the pages by its name and its number of points."""
    drawn: Drawn = []

    def name(series: Series, size: Size) -> str:
        drawn.append((series, size))
        return f"<svg>{series.id} {len(series.points)}</svg>"

    monkeypatch.setattr(trends_pages, "draw", name)
    return drawn


def weights(found: dict[str, str], drawn: Drawn) -> dict[str, int]:
    """Bytes of each page gzipped, with a real drawing of as many points for each that is named."""
    like = {len(series.points): series for series, _ in drawn}
    pairs = {
        points: len(gzip.compress((draw(series, WIDE) + draw(series, NARROW)).encode()))
        for points, series in like.items()
    }
    return {
        path: len(gzip.compress(content.encode()))
        + sum(pairs[int(points)] for points in re.findall(r"<svg>\S+ (\d+)</svg>", content)) // 2
        for path, content in found.items()
    }


def test_a_model_with_many_builds_keeps_the_newest_and_each_of_its_cells_has_a_page_with_all(
    drawn: Drawn,
):
    found = made(many_builds(cells=12, builds=50))
    (own,) = (path for path in found if re.fullmatch(r"trends/[^/]+/[^/]+\.html", path))
    cells = {path for path in found if path.startswith(own.removesuffix(".html") + "/")}
    assert len(cells) == 12
    assert {f"../../{path}" for path in cells} <= set(re.findall(r'href="([^"#]+)"', found[own]))
    assert "the newest 13 builds" in found[own]
    figures = re.findall(r'<figure class="trend" id="(.*?)"(.*?)</figure>', found[own], re.DOTALL)
    assert [body.count("<tr data-row=") for _, body in figures] == [3 * 13] * 12
    for path in cells:
        assert found[path].count("<tr data-row=") == 3 * 50
        assert f'href="../../../{own}#{Path(path).stem}"' in found[path]
        assert f'id="{Path(path).stem}"' in found[own]
    assert {len(series.points) for series, _ in drawn} >= {13, 50}
    weight = weights(found, drawn)
    assert max(weight[path] for path in (own, *cells)) < 60_000


def a_farm(models: int) -> Tables:
    """12 cells of each model with three metrics over three builds, every figure with random digits
    and every newer build flagged."""
    digits = random.Random(1)
    rows = []
    for number in range(models):
        for cell in range(12):
            for metric in ("decode_tok_s", "prefill_tok_s", "ttft_ms"):
                ratios = [1 + digits.uniform(0.02, 0.3) for _ in range(2)]
                newer = [
                    step(
                        build,
                        digits.uniform(20, 900),
                        "faster",
                        (ratio, ratio - digits.uniform(0, 0.01), ratio + digits.uniform(0, 0.01)),
                        flagged=True,
                        run_id=f"{digits.getrandbits(48):012x}",
                    )
                    for build, ratio in zip(("b10092", "b10434"), ratios, strict=True)
                ]
                rows += series(
                    step("b10068", digits.uniform(20, 900)),
                    *newer,
                    model=f"model-{number}",
                    variant=f"{number}B",
                    workload=("chat", "rag", "agent", "codegen")[cell % 4],
                    concurrency=(1, 4, 8)[cell // 4],
                    metric=metric,
                )
    return tables(*rows)


def test_sixty_models_leave_every_page_light_and_nothing_is_drawn_twice_or_for_no_page(
    drawn: Drawn,
):
    farm = a_farm(60)
    sections = [one for of_model in model_sections(farm).values() for one in of_model]
    found = made(farm)
    shown = [one.shown.id for one in sections if one.drawing and one.shown]
    shown += [s for page in found.values() for s in re.findall(r"<svg>(\S+) \d+</svg>", page)]
    assert set(Counter((series.id, size.name) for series, size in drawn).values()) == {1}
    assert {series.id for series, _ in drawn} == set(shown)
    for path, weight in weights(found, drawn).items():
        assert weight < (60_000 if path == PLACE else 50_000), (path, weight)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, divided: dict[str, str]) -> Path:
    folder = tmp_path_factory.mktemp("divided")
    static: dict[str, Any] = dict(press().files)
    for path, content in {**static, **divided}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def test_the_address_of_a_figure_that_stood_on_the_place_leads_to_it(page: Page, folder: Path):
    place = (folder / PLACE).as_uri()
    for figure in ("gemma-it-rag-1", "gemma-chat-1"):
        model = figure.rsplit("-", 2)[0]
        page.goto(f"{place}#{figure}")
        page.wait_for_url(f"**/{model}.html#{figure}")
        assert page.locator(f"figure#{figure}").count() == 1
    page.goto(f"{place}#model-qwen")
    assert page.url.endswith(f"{PLACE}#model-qwen")


def test_the_page_of_a_divided_place_has_no_violation(page: Page, folder: Path):
    page.goto((folder / PLACE).as_uri())
    assert_no_violations(page)
