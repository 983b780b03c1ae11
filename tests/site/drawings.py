"""Reads a bar chart's SVG back into numbers, through its own axis: what a person would see."""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class DrawnBar:
    row: str
    start: float
    end: float
    """Both in units of the axis."""
    top: float
    """px from the top of the plot."""


@dataclass(frozen=True)
class Drawing:
    bars: list[DrawnBar]
    px_per_unit: float
    intervals: dict[str, tuple[float, float]]


def _shift(element: ET.Element) -> float:
    moved = re.match(r"translate\((-?[\d.]+)", element.get("transform", "translate(0"))
    return float(moved[1]) if moved else 0.0


def _group(root: ET.Element, name: str) -> ET.Element:
    return next(g for g in root.iter(f"{SVG}g") if name in g.get("class", "").split())


def read(svg: str) -> Drawing:
    root = ET.fromstring(svg)
    labels = list(_group(root, "role-axis-label"))
    ticks = list(_group(root, "role-axis-tick"))
    at = [(float((text.text or "").replace(",", "")), _shift(text)) for text in labels]
    assert len(ticks) == len(at) and at[0][0] == 0
    px_per_unit = (at[-1][1] - at[0][1]) / (at[-1][0] - at[0][0])
    zero_px = at[0][1]

    def value(px: float) -> float:
        return (px - zero_px) / px_per_unit

    bars = []
    for path in _group(root, "bars_marks"):
        shape = re.fullmatch(
            r"M(-?[\d.]+),(-?[\d.]+)h(-?[\d.]+)v(-?[\d.]+)h(-?[\d.]+)Z", path.get("d", "")
        )
        assert shape, path.get("d")
        x, y, width = float(shape[1]), float(shape[2]), float(shape[3])
        bars.append(DrawnBar(path.get("data-row", ""), value(x), value(x + width), y))
    intervals = {}
    for line in _group(root, "intervals_marks"):
        start = _shift(line)
        ends = (start, start + float(line.get("x2", "0")))
        intervals[line.get("data-row", "")] = (value(ends[0]), value(ends[1]))
    return Drawing(bars, px_per_unit, intervals)
