"""A series over the builds as a small chart: points with intervals, joined where judged, by a
dashed line where undecided.

Builds stand at their numbers, so that a hundred builds between two points look like a hundred.
A chart is compiled once for each width and filled for each series: what Altair and Vega-Lite do
takes ten times as long as the drawing, and a farm has thousands of series. vl_convert must not be
used after a fork; see `charts.specs`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from bench_pipeline.site.charts import drawing, svg
from bench_pipeline.site.charts.lettering import lines, width_px
from bench_pipeline.site.charts.svg import Vega
from bench_pipeline.site.trends.series import Point, Series

if TYPE_CHECKING:
    from altair import LayerChart

PLOT_HEIGHT_PX = 104
LANE_PX = 17
"""Height of one line of labels above the plot."""
MAX_LANES = 3
LEAST_SPAN = 0.1
"""Of the value: the vertical axis covers at least this, or a percent of noise would fill it."""

DENSE = 20
"""Above so many builds, marks are smaller."""

_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 46, 14, 6, 10
_INSET_PX = 22
"""So that no point lies on an axis, and the outermost build's name is not cut off."""
_BETWEEN_PX = 8
"""Two verdicts, or two names of builds on the axis."""

_ENDS, _VALUES, _HEAD, _NAMED = "ends", "values", "head", "named"
"""Names of the signals: builds and values at the ends of the scales, px above the plot for
verdicts, builds with a tick."""


@dataclass(frozen=True)
class Size:
    """One design width, in px."""

    name: str
    width: int

    @property
    def plot(self) -> int:
        return self.width - _LEFT_PX - _RIGHT_PX


WIDE, NARROW = Size("wide", 560), Size("narrow", 288)


@dataclass(frozen=True)
class Scale:
    """Builds to px, and the values that the plot covers."""

    builds: tuple[float, float]
    values: tuple[float, float]
    size: Size

    def x(self, number: int) -> float:
        """px from the plot's left edge, as the drawing has it."""
        first, last = self.builds
        return _INSET_PX + (number - first) / (last - first) * (self.size.plot - 2 * _INSET_PX)


@dataclass(frozen=True)
class Label:
    """The verdict above a flagged step; `lane` 0 is the lowest line."""

    point: Point
    text: str
    left_px: float
    lane: int


def scale_of(points: Sequence[Point], size: Size) -> Scale:
    """One build alone stands in the middle."""
    numbers = [point.number for point in points if point.number is not None]
    first, last = min(numbers), max(numbers)
    if first == last:
        first, last = first - 1, last + 1
    low = min(min(point.value, point.lo or point.value) for point in points)
    high = max(max(point.value, point.hi or point.value) for point in points)
    middle, reach = (low + high) / 2, (high - low) / 2 * 1.1
    reach = max(reach, middle * LEAST_SPAN / 2) or 1.0
    return Scale((first, last), (max(0.0, middle - reach), middle + reach), size)


def labels_of(points: Sequence[Point], scale: Scale) -> list[Label]:
    """Verdicts of flagged steps, none over another; where three lines do not hold them, only the
    mark and the table tell."""
    ends = [0.0] * MAX_LANES
    made = []
    for point in points:
        if not point.flagged or point.verdict is None or point.number is None:
            continue
        width = width_px(point.verdict.words, bold=True)
        left = min(max(0.0, scale.x(point.number) - width / 2), scale.size.plot - width)
        lane = next((lane for lane, end in enumerate(ends) if end <= left), None)
        if lane is not None:
            ends[lane] = left + width + _BETWEEN_PX
            made.append(Label(point, point.verdict.words, left, lane))
    return made


def named_builds(points: Sequence[Point], scale: Scale) -> list[list[Point]]:
    """The builds named below the axis, by line: the newest, the oldest, and what has room between.

    There is a second line only where it lets every build be named.
    """
    ends = [points[-1], points[0]]
    others = [point for point in reversed(points[1:-1]) if point.number not in _numbers(ends)]
    lines: list[list[Point]] = [[], []]
    unnamed = 0
    for point in [*ends, *others]:
        line = next((line for line in lines if _has_room(point, line, scale)), None)
        if line is not None:
            line.append(point)
        else:
            unnamed += point.number not in _numbers(lines[0] + lines[1])
    named = [sorted(line, key=lambda point: point.number or 0) for line in lines if line]
    return named[:1] if unnamed else named


def _numbers(points: Sequence[Point]) -> set[int | None]:
    return {point.number for point in points}


def _has_room(point: Point, line: Sequence[Point], scale: Scale) -> bool:
    left, right = _name_ends_px(point, scale)
    others = (_name_ends_px(other, scale) for other in line)
    return all(right + _BETWEEN_PX <= start or end + _BETWEEN_PX <= left for start, end in others)


def _name(point: Point, scale: Scale) -> str:
    """Beside another of its length; cut where even that has no room."""
    return lines(svg.printable(point.build), scale.size.plot / 2 - _BETWEEN_PX, most=1)[0]


def _name_ends_px(point: Point, scale: Scale) -> tuple[float, float]:
    """Where a build's name begins and ends: its middle at its tick, but inside of the drawing."""
    width = width_px(_name(point, scale))
    most = scale.size.plot + _RIGHT_PX - 1 - width
    left = min(max(0.0, scale.x(point.number or 0) - width / 2), most)
    return left, left + width


def draw(series: Series, size: Size) -> str:
    """The series as an `<svg>` element: each mark carries its build as `data-row`, a line the two
    builds that it joins."""
    points = series.placed
    return svg.tidy(
        drawing.drawn(vega(points, size)),
        label=f"{series.id}-{size.name}",
        title=series.finding,
        kind=size.name,
        marks={
            "points": [point.build for point in points if not point.flagged],
            "steps": [point.build for point in points if point.flagged],
            "intervals": [point.build for point in points if point.lo is not None],
            "joins": [f"{before.build} {point.build}" for before, point in _joined(points)],
        },
    )


def vega(points: Sequence[Point], size: Size) -> Vega:
    """The chart of these builds, all of which have a number."""
    scale = scale_of(points, size)
    labels = labels_of(points, scale)
    named = named_builds(points, scale)
    head = LANE_PX * (1 + max(label.lane for label in labels)) if labels else 0
    stretch = _stretches(points)
    data: dict[str, list[dict[str, Any]]] = {
        "measured": [
            {
                "build": point.number,
                "y": point.value,
                "lo": point.lo,
                "hi": point.hi,
                "stretch": stretch[point.build],
                "flagged": point.flagged,
                "better": _better(point),
            }
            for point in points
        ],
        "joined": [
            {
                "build": old.number,
                "end": new.number,
                "y": old.value,
                "y2": new.value,
                "undecided": new.undecided,
            }
            for old, new in _joined(points)
        ],
        "names": [
            {
                "text": _name(p, scale),
                "x_px": sum(_name_ends_px(p, scale)) / 2,
                "below_px": LANE_PX * (lane + 1),
            }
            for lane, line in enumerate(named)
            for p in line
        ],
        "labels": [
            {
                "text": label.text,
                "x_px": label.left_px,
                "y_px": head - LANE_PX * label.lane - 5,
                "better": _better(label.point),
            }
            for label in labels
        ],
    }
    signals = {
        _ENDS: list(scale.builds),
        _VALUES: list(scale.values),
        _HEAD: head,
        _NAMED: [point.number for line in named for point in line],
    }
    filled = svg.filled(_compiled(size, len(points) > DENSE), data, signals)
    padding = {**filled["padding"], "bottom": LANE_PX * len(named) + _BOTTOM_PX}
    return {**filled, "height": PLOT_HEIGHT_PX + head, "padding": padding}


def _better(point: Point) -> bool:
    return point.verdict is not None and point.verdict.kind == "faster"


def _joined(points: Sequence[Point]) -> list[tuple[Point, Point]]:
    """Judged neighbours; a build of one repetition is a point and no line."""
    by_build = {point.build: point for point in points if point.n > 1}
    repeated = (point for point in by_build.values() if point.joined)
    return [(by_build[p.before], p) for p in repeated if p.before in by_build]


def _stretches(points: Sequence[Point]) -> dict[str, int]:
    """Number of the stretch of judged neighbours that each build belongs to."""
    before = {point.build: old.build for old, point in _joined(points)}
    stretch: dict[str, int] = {}
    for number, point in enumerate(points):
        stretch[point.build] = stretch.get(before.get(point.build, ""), number)
    return stretch


def _compiled(size: Size, dense: bool) -> Vega:
    kind = "trend, dense" if dense else "trend"
    return svg.compiled((kind, size.name), partial(layers, size, dense))


def layers(size: Size, dense: bool) -> "LayerChart":
    """Band and lines over judged neighbours, rules for intervals, points, verdicts above."""
    import altair as alt

    def rows(name: str) -> alt.Chart:
        return alt.Chart(alt.InlineData(values=[], name=name))

    def ends(signal: str) -> list[alt.ExprRef]:
        return [alt.ExprRef(f"{signal}[0]"), alt.ExprRef(f"{signal}[1]")]

    x = alt.X(
        "build:Q",
        scale=alt.Scale(
            domain=ends(_ENDS), range=[_INSET_PX, size.plot - _INSET_PX], nice=False, zero=False
        ),
        axis=alt.Axis(title=None, values=alt.ExprRef(_NAMED), labels=False, grid=False),
    )

    def y(field: str = "y") -> alt.Y:
        thousands = "datum.value < 10000 ? format(datum.value, ',~f') "
        thousands += ": format(datum.value / 1000, ',~f') + 'k'"
        return alt.Y(
            field,
            type="quantitative",
            scale=alt.Scale(
                domain=ends(_VALUES),
                range=[alt.ExprRef("height"), alt.ExprRef(_HEAD)],
                nice=False,
                zero=False,
            ),
            axis=alt.Axis(title=None, tickCount=4, labelExpr=thousands, domain=False, ticks=False),
        )

    def verdicts(if_better: str, if_worse: str) -> Any:
        return alt.condition("datum.better", alt.value(if_better), alt.value(if_worse))

    measured = rows("measured")
    known = measured.transform_filter("isValid(datum.lo)")
    colours = verdicts("var(--good)", "var(--bad)")
    parts = {
        "band": known.mark_area(fill="var(--bar-elsewhere)", opacity=1).encode(
            x=x, y=y("lo"), y2="hi:Q", detail="stretch:N"
        ),
        "joins": rows("joined")
        .mark_rule(stroke="var(--bar)", strokeWidth=1.5)
        .encode(
            x=x,
            x2="end:Q",
            y=y(),
            y2="y2:Q",
            strokeDash=alt.condition("datum.undecided", alt.value([3, 3]), alt.value([1, 0])),
        ),
        "intervals": known.mark_rule(stroke="var(--ink)", strokeWidth=1 if dense else 2).encode(
            x=x, y=y("lo"), y2="hi:Q"
        ),
        "points": measured.transform_filter("!datum.flagged")
        .mark_point(
            filled=True, size=16 if dense else 36, fill="var(--bar)", stroke="var(--bar)", opacity=1
        )
        .encode(x=x, y=y()),
        "steps": measured.transform_filter("datum.flagged")
        .mark_point(filled=True, size=110 if dense else 150, opacity=1)
        .encode(
            x=x,
            y=y(),
            fill=colours,
            stroke=alt.value("var(--paper)"),
            shape=verdicts("triangle-up", "triangle-down"),
        ),
        "builds": rows("names")
        .mark_text(
            fill="var(--ink-2)",
            baseline="alphabetic",
            y=alt.ExprRef("height"),
            dy=alt.ExprRef("datum.below_px"),
        )
        .encode(x=alt.X("x_px:Q", scale=None, axis=None), text="text:N"),
        "verdicts": rows("labels")
        .mark_text(align="left", baseline="alphabetic", fontWeight=600)
        .encode(
            x=alt.X("x_px:Q", scale=None, axis=None),
            y=alt.Y("y_px:Q", scale=None, axis=None),
            text="text:N",
            fill=colours,
        ),
    }
    padding = {"left": _LEFT_PX, "right": _RIGHT_PX, "top": _TOP_PX, "bottom": _BOTTOM_PX}
    chart = svg.layered(parts, width=size.plot, height=PLOT_HEIGHT_PX, padding=padding)
    empty = {_ENDS: [0, 1], _VALUES: [0, 1], _HEAD: 0, _NAMED: []}
    made: LayerChart = chart.add_params(
        *(alt.param(name=name, value=value) for name, value in empty.items())
    )
    return made
