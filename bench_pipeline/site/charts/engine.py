"""Figures from elsewhere as bars of their own: hollow, from 0, one test of equal lengths a chart.

Never on an axis with served figures. Written by hand, as the panels are, and of their width.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from markupsafe import Markup

from bench_pipeline.site import wording
from bench_pipeline.site.charts import svg
from bench_pipeline.site.charts.lettering import LINE_PX, lines, width_px
from bench_pipeline.site.charts.panels import WIDTH_PX, pixels, text_at
from bench_pipeline.site.tables.engine_only import EngineRow, Speed

MOST_BARS = 12
"""In one chart; the table under it has all."""
_MOST_LINES = 3
"""Of a bar's name, and of what stands below it."""
_BAR_PX, _GAP_PX, _EDGE_PX = 14, 9, 2


@dataclass(frozen=True)
class Bar:
    row: EngineRow
    name: str
    detail: str
    speed: Speed


@dataclass(frozen=True)
class EngineChart:
    id: str
    title: str
    """`Prefill of 256 tokens`."""
    bars: tuple[Bar, ...]
    """In the order of the table: by name and place, not by speed."""
    count: int
    """Of rows that have such a figure."""

    @property
    def finding(self) -> str:
        """What a screen reader gets instead of the drawing."""
        said = [f"{bar.name}, {bar.detail}: {bar.speed.text} tok/s" for bar in self.bars]
        return f"{self.title}, tok/s, from elsewhere and not ranked: {'; '.join(said)}."

    @property
    def svg(self) -> Markup:
        return Markup(_draw(self))


def engine_charts(
    rows: Sequence[EngineRow], of: Literal["model", "rig"]
) -> tuple[EngineChart, ...]:
    """Of prefill and of decode the test that most rows have, where two or more have one. `of`: what
    the page is of, which need not be named."""
    made = []
    for kind in ("prefill", "decode"):
        speeds = [(row, speed) for row in rows for its, speed in row.comparable if its == kind]
        counts = Counter(shape for shape, _ in {(s.shape, row.id) for row, s in speeds})
        if not counts:
            continue
        shape = min(counts, key=lambda shape: (-counts[shape], shape))
        found = {row.id: (row, speed) for row, speed in speeds if speed.shape == shape}
        if len(found) < 2:
            continue
        bars = [_bar(row, speed, of) for row, speed in list(found.values())[:MOST_BARS]]
        title = bars[0].speed.title(kind)
        made.append(EngineChart(f"engine-{kind}", title, tuple(bars), len(found)))
    return tuple(made)


def _bar(row: EngineRow, speed: Speed, of: str) -> Bar:
    name = row.hardware.device if of == "model" else row.name
    build = wording.build(row.engine, row.build)
    told = (f"{row.backend_name} {build}", row.settings, row.spilled and "spilled")
    return Bar(row, name, " · ".join(filter(None, (*told, speed.how))), speed)


def _draw(chart: EngineChart) -> str:
    highest = max(max(bar.speed.value, bar.speed.hi or 0) for bar in chart.bars) or 1
    values_px = max(width_px(wording.decimal(bar.speed.value)) for bar in chart.bars) + 10
    reach = WIDTH_PX - 2 * _EDGE_PX - values_px
    parts, y = [], 0.0
    for bar in chart.bars:
        room = WIDTH_PX - 2 * _EDGE_PX
        for bold, words in ((True, bar.name), (False, bar.detail)):
            for line in lines(svg.printable(words), room, most=_MOST_LINES, bold=bold):
                y += LINE_PX
                parts.append(_line(line, y - 4, bold=bold))
        parts += _of_bar(bar, y + 2, reach / highest)
        y += _BAR_PX + _GAP_PX
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="drawing panel" width="{WIDTH_PX}"'
        f' height="{pixels(y)}" viewBox="0 0 {WIDTH_PX} {pixels(y)}" role="img"'
        f' aria-labelledby="{chart.id}-title"><title id="{chart.id}-title">'
        f"{escape(svg.printable(chart.finding))}</title>"
        f'<g font-size="12px" transform="translate({_EDGE_PX},0)">{"".join(parts)}</g></svg>'
    )


def _line(words: str, y: float, *, bold: bool) -> str:
    held = "".join(f' {name}="{value}"' for name, value in svg.held(words, bold=bold).items())
    look = 'font-weight="600" fill="var(--ink)"' if bold else 'fill="var(--ink-2)"'
    return f'<text x="0" y="{pixels(y)}" {look}{held}>{escape(words)}</text>'


def _of_bar(bar: Bar, y: float, scale: float) -> list[str]:
    speed, middle = bar.speed, pixels(y + _BAR_PX / 2)
    row = escape(bar.row.id)
    made = [
        f'<g class="bars_marks" fill="var(--bar-elsewhere)" stroke="var(--bar)"><rect data-row='
        f'"{row}" x="0" y="{pixels(y)}" width="{pixels(speed.value * scale)}" height="{_BAR_PX}"/>'
        "</g>"
    ]
    if speed.lo is not None and speed.hi is not None:
        ends = f'x1="{pixels(speed.lo * scale)}" x2="{pixels(speed.hi * scale)}"'
        for colour, width in (("var(--paper)", 5), ("var(--ink)", 2)):
            made.append(
                f'<line {ends} y1="{middle}" y2="{middle}" stroke="{colour}" stroke-width="{width}"'
                f' data-row="{row}"/>'
            )
    end = max(speed.value, speed.hi or 0) * scale
    value = text_at(end + 6, y + _BAR_PX - 3, wording.decimal(speed.value))
    return [*made, f'<g class="values_marks" fill="var(--ink)">{value}</g>']
