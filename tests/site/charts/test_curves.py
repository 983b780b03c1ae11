"""The small charts over the prompt's length say what their table says."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench_pipeline.paths import Project
from bench_pipeline.records.run import Model, Run
from bench_pipeline.records.server import BareEngine
from bench_pipeline.site.charts.curves import Panel, Point, draw
from bench_pipeline.site.charts.panels import WIDTH_PX
from bench_pipeline.site.wording import decimal
from tests.curve_factories import bare_test, curve_and_bare_engine, curve_point, failed_point
from tests.factories import measured_run
from tests.site.cases import Case, Cases, Shown
from tests.site.conftest import Made

CASES = Cases()
case = CASES.of_its_own


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("curves")


@pytest.fixture(scope="module")
def shown(folder: Path) -> dict[Case, Shown]:
    return CASES.shown(folder)


@pytest.fixture(scope="module")
def site(folder: Path, shown: dict[Case, Shown]) -> Path:
    made = Made(Project(folder))
    made.build()
    return made.project.site


def a_run(model: Model, **fields: Any) -> Run:
    return measured_run(model=model, workloads=["chat"], concurrencies=[1], **fields)


SVG = "{http://www.w3.org/2000/svg}"
HALF_PX = 0.5

PANEL = Panel(
    id="curve-x",
    title="Prefill",
    unit="tok/s",
    points=(Point(0, 900.0), Point(128, 30500, 30000, 30900), Point(8192, 12000, 11000, 13000)),
    rings=(Point(128, 33000),),
    rings_are="without a server",
    cells=(0, 2, 1),
)


def group(root: ET.Element, name: str) -> ET.Element:
    return next(g for g in root.iter(f"{SVG}g") if name in g.get("class", "").split())


def shift(element: ET.Element) -> tuple[float, float]:
    moved = re.match(r"translate\((-?[\d.]+),(-?[\d.]+)\)", element.get("transform", ""))
    assert moved
    return float(moved[1]), float(moved[2])


def number(label: str) -> float:
    return float(label.replace(",", "").removesuffix("k")) * (1000 if label.endswith("k") else 1)


class Drawn:
    """A panel's SVG read back through its own axes, as a person would."""

    def __init__(self, svg: str) -> None:
        self.root = ET.fromstring(svg)
        axes = [g for g in self.root.iter(f"{SVG}g") if "role-axis" in g.get("class", "").split()]
        labels = [
            [(text.text or "", shift(text)) for text in group(axis, "role-axis-label")]
            for axis in axes
            if any("role-axis-label" in g.get("class", "") for g in axis.iter())
        ]
        across, up = labels
        heights = [
            [shift(tick)[1] for tick in group(axis, "role-axis-tick")]
            for axis in axes
            if any("role-axis-tick" in g.get("class", "") for g in axis.iter())
        ][1]
        self.lengths = {number(words): place[0] for words, place in across}
        low, high = up[0][0], up[-1][0]
        low_px, high_px = heights[0], heights[-1]
        self.zero_px = low_px
        self.px_per_unit = (low_px - high_px) / (number(high) - number(low))
        assert number(low) == 0

    def value(self, px: float) -> float:
        return (self.zero_px - px) / self.px_per_unit

    def marks(self, layer: str) -> dict[str, tuple[float, float]]:
        """Place in px and value of each mark of a layer."""
        found = {}
        for mark in group(self.root, f"{layer}_marks"):
            x, y = shift(mark)
            found[mark.get("data-row", "")] = (x, self.value(y))
        return found


def test_every_point_is_drawn_at_its_length_and_its_value():
    drawn = Drawn(draw(PANEL))
    marks = drawn.marks("points")
    assert set(marks) == {"0", "128", "8192"}
    for point in PANEL.points:
        x, value = marks[str(point.depth_tokens)]
        assert abs(value - point.value) * drawn.px_per_unit <= HALF_PX
        assert abs(x - drawn.lengths[point.depth_tokens]) <= HALF_PX


def test_longer_prompts_stand_further_right():
    lengths = Drawn(draw(PANEL)).lengths
    assert list(lengths) == [0, 128, 8192]
    assert sorted(lengths.values()) == list(lengths.values())


@case
def behind_a_filled_context(model: Model) -> list[Run]:
    tests = [
        bare_test(800.0, prompt_tokens=512),
        bare_test(300.0, prompt_tokens=512, depth_tokens=2048),
        bare_test(120.0, output_tokens=32, depth_tokens=4096),
    ]
    point = curve_point(512, decode_tok_s=100, prefill_tok_s=700)
    return [a_run(model, curves=[point], bare_engine=BareEngine(tests=tests))]


def test_a_bare_prefill_behind_a_filled_context_is_no_point_of_the_curve(shown):
    prefill, decode, _ = shown[behind_a_filled_context].run.curve.panels
    assert [ring.value for ring in prefill.rings] == [pytest.approx(800)]
    assert decode.rings == ()


def test_the_bare_engine_is_drawn_on_the_same_scale():
    drawn = Drawn(draw(PANEL))
    ((x, value),) = drawn.marks("rings").values()
    assert abs(value - 33000) * drawn.px_per_unit <= HALF_PX
    assert abs(x - drawn.lengths[128]) <= HALF_PX


def test_intervals_are_drawn_where_they_were_measured():
    drawn = Drawn(draw(PANEL))
    rules = {rule.get("data-row"): rule for rule in group(drawn.root, "intervals_marks")}
    assert set(rules) == {"128", "8192"}
    for point in PANEL.points[1:]:
        rule = rules[str(point.depth_tokens)]
        start = shift(rule)[1]
        ends = sorted((drawn.value(start), drawn.value(start + float(rule.get("y2", "0")))))
        assert abs(ends[0] - point.lo) * drawn.px_per_unit <= HALF_PX
        assert abs(ends[1] - point.hi) * drawn.px_per_unit <= HALF_PX


@pytest.mark.parametrize(
    "points", [(Point(512, 3.2),), (Point(0, 115.0),), (Point(128, 0.4), Point(512, 0.3))]
)
def test_few_and_slow_points_are_drawn_too(points):
    panel = replace(PANEL, points=points, rings=())
    drawn = Drawn(draw(panel))
    for point in points:
        _, value = drawn.marks("points")[str(point.depth_tokens)]
        assert abs(value - point.value) * drawn.px_per_unit <= HALF_PX


def test_a_panel_says_in_a_sentence_what_it_shows_and_takes_the_pages_colours():
    svg = draw(PANEL)
    assert PANEL.finding == (
        "Prefill by length of the prompt: 900.0 tok/s at 0 tokens, 12,000.0 tok/s at 8,192 tokens."
    )
    assert f'<title id="curve-x">{PANEL.finding}</title>' in svg
    assert f'width="{WIDTH_PX}"' in svg
    assert not any(colour in svg for colour in ('fill="black"', 'fill="#', 'stroke="#', "white"))


@case
def with_a_point_that_failed(model: Model) -> list[Run]:
    points = [
        curve_point(2048, decode_tok_s=80, prefill_tok_s=500),
        failed_point(512),
        curve_point(128, decode_tok_s=110, prefill_tok_s=700, reused=False),
    ]
    return [a_run(model, curves=points)]


def test_a_curve_shows_its_points_from_short_to_long_and_what_failed(shown, site: Path):
    run = shown[with_a_point_that_failed].run
    assert [row.depth_tokens for row in run.curve.rows] == [128, 512, 2048]
    assert run.curve.columns == ("prefill_tok_s", "decode_tok_s", "ttft_ms", "cached_ttft_ms")
    assert run.curve.rows[1].failure == "contaminated, discarded: 24 cached tokens"
    assert run.curve.rows[0].values[-1].under == "nothing reused"
    assert run.curve.rows[2].values[-1].under == "100 % reused"
    assert [len(panel.points) for panel in run.curve.panels] == [2, 2, 2]
    assert (site / run.model_href).read_text().count('class="drawing panel"') == 3


@case
def of_points_that_failed(model: Model) -> list[Run]:
    return [a_run(model, curves=[failed_point(512)])]


def test_a_curve_whose_points_all_failed_has_no_chart(shown, site: Path):
    run = shown[of_points_that_failed].run
    assert run.curve.panels == ()
    assert 'class="drawing panel"' not in (site / run.model_href).read_text()


@case
def with_a_server_that_costs(model: Model) -> list[Run]:
    return [a_run(model, **curve_and_bare_engine(server_costs=0.2))]


def test_a_curve_beside_the_bare_engine_shows_its_share_and_its_rings(shown):
    curve = shown[with_a_server_that_costs].run.curve
    assert curve.columns.count("server_share") == 2
    for row in curve.rows:
        assert 75 <= int(row.values[1].text.removesuffix(" %")) <= 85
    assert [len(panel.rings) for panel in curve.panels] == [3, 3, 3]


def test_the_table_has_every_figure_that_is_drawn(shown):
    """Those of the rings too: the table is all that the keyboard and a screen reader get."""
    curve = shown[with_a_server_that_costs].run.curve
    for panel in curve.panels:
        for row, point, ring in zip(curve.rows, panel.points, panel.rings, strict=True):
            told = [row.values[place - 2] for place in panel.cells if place > 1]
            assert told[0].text == decimal(point.value)
            beside = told[1].text if panel.unit == "ms" else told[1].under.rpartition("of ")[2]
            assert beside == decimal(ring.value)
