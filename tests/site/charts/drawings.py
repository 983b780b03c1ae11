"""Reads a chart's SVG back into numbers, through its own axes: what a person would see."""

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, field

SVG = "{http://www.w3.org/2000/svg}"
HALF_PX = 0.5


@dataclass(frozen=True)
class Axis:
    """Values at places in px, as its ticks say; logarithmic if equal steps are equal ratios."""

    ticks: tuple[tuple[float, float], ...]
    """Place in px and value, of the ticks that have a label."""
    logarithmic: bool = False

    def px(self, value: float) -> float:
        (low_px, low), (high_px, high) = self.ticks[0], self.ticks[-1]
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return low_px + (value - low) / (high - low) * (high_px - low_px)


@dataclass(frozen=True)
class DrawnBar:
    row: str
    start_px: float
    end_px: float
    top_px: float


@dataclass(frozen=True)
class Drawing:
    x: Axis
    y: Axis | None
    bars: list[DrawnBar] = field(default_factory=list)
    points: list[tuple[str, float, float]] = field(default_factory=list)
    """Row, and px from the plot's left and top."""
    intervals: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)
    """By row from x, y to x, y in px."""


def _shift(element: ET.Element) -> tuple[float, float]:
    moved = re.match(
        r"translate\((-?[\d.e-]+),\s*(-?[\d.e-]+)", element.get("transform", "translate(0,0")
    )
    return (float(moved[1]), float(moved[2])) if moved else (0.0, 0.0)


def _groups(root: ET.Element, name: str) -> list[ET.Element]:
    return [g for g in root.iter(f"{SVG}g") if name in g.get("class", "").split()]


def _number(label: str) -> float:
    for letter, times in (("k", 1e3), ("M", 1e6), ("m", 1e-3)):
        if label.endswith(letter):
            return float(label[:-1].replace(",", "")) * times
    return float(label.replace(",", ""))


def _axes(root: ET.Element, *, logarithmic: bool) -> tuple[Axis, Axis | None]:
    found: list[tuple[int, Axis]] = []
    for group in _groups(root, "role-axis"):
        labels = [text for each in _groups(group, "role-axis-label") for text in each]
        marks = [tick for each in _groups(group, "role-axis-tick") for tick in each]
        if not labels:
            continue
        assert len(labels) == len(marks)
        places = [_shift(tick) for tick in marks]
        way = 0 if len({place[0] for place in places}) > 1 else 1
        ticks = [
            (place[way], _number(text.text))
            for place, text in zip(places, labels, strict=True)
            if text.text
        ]
        found.append((way, Axis(tuple(ticks), logarithmic)))
    axes = dict(found)
    return axes[0], axes.get(1)


def _line(element: ET.Element) -> tuple[float, float, float, float]:
    x, y = _shift(element)
    return x, y, x + float(element.get("x2", "0")), y + float(element.get("y2", "0"))


def read(svg: str, *, logarithmic: bool = False) -> Drawing:
    root = ET.fromstring(svg)
    bars = []
    for group in _groups(root, "bars_marks"):
        for path in group:
            shape = re.fullmatch(
                r"M(-?[\d.]+),(-?[\d.]+)h(-?[\d.]+)v(-?[\d.]+)h(-?[\d.]+)Z", path.get("d", "")
            )
            assert shape, path.get("d")
            x, y, width = float(shape[1]), float(shape[2]), float(shape[3])
            bars.append(DrawnBar(path.get("data-row", ""), x, x + width, y))
    points = [
        (path.get("data-row", ""), *_shift(path))
        for group in _groups(root, "points_marks")
        for path in group
    ]
    intervals = {
        line.get("data-row", ""): _line(line)
        for group in _groups(root, "intervals_marks")
        for line in group
    }
    return Drawing(*_axes(root, logarithmic=logarithmic), bars, points, intervals)


def wrong_bars(svg: str, true: Sequence[tuple[str, float]]) -> list[str]:
    """What a bar chart says that its data doesn't: `true` are rows with their values, in order."""
    drawing = read(svg)
    wrong = []
    if [bar.row for bar in drawing.bars] != [row for row, _ in true]:
        wrong.append("other bars or another order than the data")
    if sorted(drawing.bars, key=lambda bar: bar.top_px) != drawing.bars:
        wrong.append("bars do not stand in their order")
    values = dict(true)
    for bar in drawing.bars:
        if abs(bar.start_px - drawing.x.px(0)) > HALF_PX:
            wrong.append(f"{bar.row} starts at {bar.start_px} px, not at 0")
        if bar.row in values and abs(bar.end_px - drawing.x.px(values[bar.row])) > HALF_PX:
            wrong.append(f"{bar.row} ends at {bar.end_px} px, is {values[bar.row]}")
    return wrong


def wrong_points(
    svg: str, true: Sequence[tuple[str, float, float]], *, logarithmic: bool
) -> list[str]:
    """Likewise for points: `true` are rows with their values on both axes."""
    drawing = read(svg, logarithmic=logarithmic)
    assert drawing.y
    wrong = []
    if [row for row, _, _ in drawing.points] != [row for row, _, _ in true]:
        wrong.append("other points or another order than the data")
    places = {row: (across, up) for row, across, up in true}
    for row, x, y in drawing.points:
        if row in places:
            off = x - drawing.x.px(places[row][0]), y - drawing.y.px(places[row][1])
            if max(map(abs, off)) > HALF_PX:
                wrong.append(f"{row} is {off} px off its place")
    return wrong
