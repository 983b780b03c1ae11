"""A trend's chart says what its table says: values, distances between builds, and gaps."""

import itertools
import re
import xml.etree.ElementTree as ET

import pytest

from bench_pipeline.site.source import Row
from bench_pipeline.site.trends.chart import (
    LANE_PX,
    LEAST_SPAN,
    NARROW,
    PLOT_HEIGHT_PX,
    WIDE,
    Size,
    draw,
    labels_of,
    named_builds,
    scale_of,
    vega,
)
from bench_pipeline.site.trends.maker import trends_of
from bench_pipeline.site.trends.series import Series
from tests.site.trends.trend_rows import series, step, tables, three_builds

SVG = "{http://www.w3.org/2000/svg}"
HALF_PX = 0.5


def shown(rows: list[Row]) -> Series:
    (trend,) = trends_of(tables(*rows))
    return trend.models[0].figures[0].series[0]


def group(root: ET.Element, name: str) -> ET.Element:
    return next(g for g in root.iter(f"{SVG}g") if name in g.get("class", "").split())


def shift(element: ET.Element) -> tuple[float, float]:
    moved = re.match(r"translate\((-?[\d.]+),(-?[\d.]+)\)", element.get("transform", ""))
    assert moved
    return float(moved[1]), float(moved[2])


class Drawn:
    """A chart's SVG read back through its own axis, as a person would."""

    def __init__(self, series: Series, size: Size = WIDE) -> None:
        self.root = ET.fromstring(draw(series, size))
        (labels,) = (
            g for g in self.root.iter(f"{SVG}g") if "role-axis-label" in g.get("class", "")
        )
        known = [(float((text.text or "").replace(",", "")), shift(text)[1]) for text in labels]
        # a label stands where its text's middle is: below its line by a constant
        (low, low_px), (high, high_px) = known[0], known[-1]
        self.px_per_unit = (low_px - high_px) / (high - low)
        grid = [shift(line)[1] for line in group(self.root, "role-axis-grid")]
        assert len(grid) == len(known)
        self.low, self.low_px = low, max(grid)

    def value(self, px: float) -> float:
        return self.low + (self.low_px - px) / self.px_per_unit

    def marks(self, layer: str) -> dict[str, tuple[float, float]]:
        """Place in px of each mark of a layer."""
        return {m.get("data-row", ""): shift(m) for m in group(self.root, f"{layer}_marks")}

    def lines(self, layer: str) -> dict[str, tuple[tuple[float, float], tuple[float, float]]]:
        """Both ends in px of each line of a layer."""
        found = {}
        for mark in group(self.root, f"{layer}_marks"):
            x, y = shift(mark)
            end = x + float(mark.get("x2", "0")), y + float(mark.get("y2", "0"))
            found[mark.get("data-row", "")] = ((x, y), end)
        return found


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_every_build_is_drawn_at_its_value_and_builds_at_their_true_distance(size):
    wanted = shown(three_builds())
    drawn = Drawn(wanted, size)
    places = drawn.marks("points") | drawn.marks("steps")
    assert set(places) == {"b10068", "b10092", "b10434"}
    for point in wanted.points:
        assert abs(drawn.value(places[point.build][1]) - point.value) * drawn.px_per_unit <= HALF_PX
    left, middle, right = (places[point.build][0] for point in wanted.points)
    share = (10092 - 10068) / (10434 - 10068)
    assert abs(middle - left - share * (right - left)) <= HALF_PX


def test_a_line_joins_judged_neighbours_only():
    wanted = shown(three_builds())
    drawn = Drawn(wanted)
    places = drawn.marks("points") | drawn.marks("steps")
    lines = drawn.lines("joins")
    assert set(lines) == {"b10068 b10092"}
    ends = set(lines["b10068 b10092"])
    for build in ("b10068", "b10092"):
        assert min(abs(x - places[build][0]) + abs(y - places[build][1]) for x, y in ends) <= 1
    stretches = list(group(drawn.root, "band_marks").iter(f"{SVG}path"))
    assert len([path for path in stretches if path.get("d", "").count("L") >= 2]) == 1


def test_builds_of_one_session_are_all_joined():
    rows = series(
        step("b10068", 100.0),
        step("b10092", 100.4, "no difference", (1.004, 0.999, 1.008)),
        step("b10434", 101.0, "undecided", (1.006, 0.99, 1.02)),
    )
    assert set(Drawn(shown(rows)).lines("joins")) == {"b10068 b10092", "b10092 b10434"}


def test_a_step_judged_undecided_is_dashed_and_a_build_of_one_repetition_joins_nothing():
    rows = series(
        step("b10068", 100.0),
        step("b10092", 100.4, "no difference", (1.004, 0.999, 1.008)),
        step("b10434", 101.0, "undecided", (1.006, 0.99, 1.02)),
        step("b10500", 101.0, "no difference", (1.0, 0.995, 1.005), n=1),
    )
    drawn = Drawn(shown(rows))
    assert set(drawn.lines("joins")) == {"b10068 b10092", "b10092 b10434"}
    dashes = [line.get("stroke-dasharray") for line in group(drawn.root, "joins_marks").iter()]
    assert [dash for dash in dashes if dash] == ["1,0", "3,3"]


def test_intervals_are_drawn_from_end_to_end_where_they_were_measured():
    rows = series(step("b10068", 100.0), step("b10092", 90.0, "unjudged", lo=None, hi=None))
    wanted = shown(rows)
    drawn = Drawn(wanted)
    ((low, high),) = drawn.lines("intervals").values()
    ends = sorted((drawn.value(low[1]), drawn.value(high[1])))
    assert ends == pytest.approx([99.0, 101.0], abs=HALF_PX / drawn.px_per_unit)


def test_a_flagged_step_carries_its_verdict_in_words_and_a_shape_of_its_own():
    svg = draw(shown(three_builds()), WIDE)
    assert ">12.1 % faster</text>" in svg
    assert list(Drawn(shown(three_builds())).marks("steps")) == ["b10092"]


def test_no_scale_reaches_down_to_zero():
    across, up = vega(shown(three_builds()).placed, WIDE)["scales"]
    assert (across["name"], across["zero"]) == ("x", False)
    assert (up["name"], up["zero"]) == ("y", False)
    low, _ = scale_of(shown(three_builds()).placed, WIDE).values
    assert Drawn(shown(three_builds())).value(PLOT_HEIGHT_PX + LANE_PX) == pytest.approx(
        low, rel=0.01
    )


def test_noise_does_not_fill_the_plot():
    rows = series(step("b1", 100.0), step("b2", 100.1, "no difference", (1.001, 0.999, 1.003)))
    low, high = scale_of(shown(rows).placed, WIDE).values
    assert high - low == pytest.approx(LEAST_SPAN * 100, rel=0.01)


def test_builds_too_near_to_be_named_side_by_side_are_named_below_each_other():
    points = shown(three_builds()).placed
    lines = named_builds(points, scale_of(points, NARROW))
    assert [[point.build for point in line] for line in lines] == [["b10068", "b10434"], ["b10092"]]


def test_of_many_builds_those_with_room_are_named():
    points = shown(series(*(step(f"b{10000 + n}", 100.0, "unjudged") for n in range(60)))).placed
    scale = scale_of(points, WIDE)
    (line,) = named_builds(points, scale)
    assert (line[0].build, line[-1].build) == ("b10000", "b10059")
    places = [scale.x(point.number) for point in line]
    assert min(b - a for a, b in itertools.pairwise(places)) >= 40


def test_long_names_of_builds_neither_touch_nor_leave_the_drawing():
    builds = [f"v0.11.{n}-{'nightly-of-a-fork-' * (n % 3)}rc1" for n in range(6)]
    rows = [
        row | {"build": build, "build_number": 10000 + 400 * n}
        for n, (build, row) in enumerate(
            zip(builds, series(*(step(f"b{n}", 100.0) for n in range(6))), strict=True)
        )
    ]
    named = group(ET.fromstring(draw(shown(rows), NARROW)), "builds_marks")
    ends: dict[float, list[tuple[float, float]]] = {}
    for text in named:
        x, y = shift(text)
        half = float(text.get("textLength", "nan")) / 2
        ends.setdefault(y, []).append((x - half, x + half))
    assert sum(map(len, ends.values())) > 1
    for line in ends.values():
        assert min(left for left, _ in line) >= -46
        assert max(right for _, right in line) <= NARROW.width - 46
        assert all(a[1] < b[0] for a, b in itertools.pairwise(sorted(line)))


def test_verdicts_of_near_steps_do_not_cover_each_other():
    ratio = (0.9, 0.89, 0.91)
    steps = [step(f"b{10000 + n}", 100.0, "slower", ratio, flagged=True) for n in range(9)]
    points = shown(series(step("b9000", 110.0), *steps)).placed
    labels = labels_of(points, scale_of(points, NARROW))
    assert 1 < len(labels) < 9
    assert all(label.left_px >= 0 for label in labels)
    for lane in {label.lane for label in labels}:
        lefts = sorted(label.left_px for label in labels if label.lane == lane)
        assert all(b - a >= 70 for a, b in itertools.pairwise(lefts))


@pytest.mark.parametrize("build", ["b10068", "my-build"])
def test_a_series_with_one_place_on_the_axis_is_drawn_too(build):
    rows = series(step("b10068", 3.0), step("b10092", 3.1, "unjudged"))
    rows[1] |= {"build": "my-build", "build_number": None, "previous_build": None, "verdict": None}
    wanted = shown(rows)
    drawn = Drawn(wanted)
    assert set(drawn.marks("points")) == {"b10068"}
    assert build in {point.build for point in wanted.points}


def test_the_chart_says_in_a_sentence_what_it_shows_and_takes_the_pages_colours():
    wanted = shown(three_builds())
    svg = draw(wanted, NARROW)
    assert wanted.finding == (
        "Decode over 3 builds, from 100.0 tok/s with b10068 to 109.0 tok/s with b10434; "
        "b10092 is 12.1 % faster than b10068."
    )
    assert wanted.finding in svg
    assert f'width="{NARROW.width}"' in svg
    assert not any(colour in svg for colour in ('fill="black"', 'fill="#', 'stroke="#', "white"))
