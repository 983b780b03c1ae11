"""Bars of figures from elsewhere: hollow, true to their values, and on no axis with served ones."""

import re
from dataclasses import replace

import pytest
from playwright.sync_api import Page

from bench_pipeline.site.charts.engine import MOST_BARS, EngineChart, engine_charts
from bench_pipeline.site.tables.engine_only import EngineRow
from tests.site.conftest import Made
from tests.site.test_every_page import faults_of_drawings
from tests.site.test_on_a_phone import PHONE_PX, TABLES


@pytest.fixture(scope="module")
def rows(elsewhere: Made) -> tuple[EngineRow, ...]:
    return elsewhere.view.engine_only


@pytest.fixture(scope="module")
def chart(rows) -> EngineChart:
    (chart,) = engine_charts(rows, "model")
    return chart


def test_one_chart_holds_one_test_of_equal_lengths(chart: EngineChart):
    assert chart.title == "Prefill of 256 tokens"
    assert {bar.speed.of for bar in chart.bars} == {"256 tokens"}
    assert {bar.row.kind for bar in chart.bars} == {"engine only"}
    assert (len(chart.bars), chart.count) == (MOST_BARS, MOST_BARS + 1)


def test_each_bar_is_hollow_and_as_long_as_its_value(chart: EngineChart):
    bars = re.findall(r'<rect data-row="([^"]+)" x="0" y="[^"]+" width="([^"]+)"', chart.svg)
    assert [row for row, _ in bars] == [bar.row.id for bar in chart.bars]
    px = {float(width) / bar.speed.value for (_, width), bar in zip(bars, chart.bars, strict=True)}
    assert max(px) - min(px) < 1e-5, "one scale, from 0"
    assert chart.svg.count('fill="var(--bar-elsewhere)" stroke="var(--bar)"') == len(bars)
    assert 'fill="var(--bar)"' not in chart.svg


def test_what_each_figure_is_stands_at_its_bar(chart: EngineChart):
    details = [bar.detail for bar in chart.bars]
    assert "CUDA b9300 · mean ± 12.8, no samples" in details
    assert all("median of 3" in each or "no samples" in each for each in details)
    assert {"flash_attn 0", "flash_attn 1"} <= {bar.row.settings for bar in chart.bars}
    assert "and not ranked" in chart.finding


def test_they_are_in_the_order_of_the_table_and_not_by_speed(rows, chart: EngineChart):
    order = [row.id for row in rows]
    assert [bar.row.id for bar in chart.bars] == [
        id for id in order if id in {bar.row.id for bar in chart.bars}
    ]


def test_a_figure_alone_has_no_chart_and_a_range_no_bar(rows):
    (alone,) = (row for row in rows if row.hardware.rig == "plain")
    assert engine_charts([alone], "rig") == ()
    ranged = tuple(replace(speed, shape="") for speed in alone.prefill)
    assert engine_charts([replace(alone, prefill=ranged, decode=())] * 2, "rig") == ()


@pytest.mark.parametrize("width", [320, 412, 1350])
def test_they_fit_into_every_window(page: Page, elsewhere: Made, rows, width: int):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto((elsewhere.project.site / rows[0].model_href).as_uri())
    assert page.locator("#engine-prefill-title").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert faults_of_drawings(page) == []


def test_on_a_phone_what_a_figure_is_leaves_it_in_sight(page: Page, elsewhere: Made, rows):
    page.set_viewport_size({"width": PHONE_PX, "height": 900})
    for rig in ("plain", "table", "page"):
        (row,) = (row for row in rows if row.hardware.rig == rig)
        page.goto((elsewhere.project.site / row.href).as_uri())
        assert [part for each in page.evaluate(TABLES) for part in each["outside"]] == []
