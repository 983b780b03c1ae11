"""How each kind of chart is drawn: Altair, compiled to Vega once, without any row in it.

The same compiled chart makes the page's inline SVG here and draws in the browser under a filter;
either way its one dataset, `rows`, gets the rows to show. Every chart is drawn at two widths with
the same text size, because a chart that shrinks with its page ends in 6 px text; a container
query shows the one that fits. Colours are CSS variables, so that one drawing serves light, dark
and print.

vl_convert deadlocks in a forked child of a process that has used it: call this in-process only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from bench_pipeline.site.charts import svg
from bench_pipeline.site.charts.configurations import Chart
from bench_pipeline.site.charts.kinds import (
    CAPS,
    CEILING,
    DECODE,
    ENERGY,
    PREFILL,
    QUANTS,
    Kind,
)
from bench_pipeline.site.charts.svg import Vega

if TYPE_CHECKING:
    import altair

ROWS = "rows"
"""Name of the dataset that whoever draws has to fill."""

MARGIN_PX = 4
AXIS_PX = 38
"""Height of the horizontal axis with its labels and title."""
SIDE_PX = 50
"""Width of the vertical axis."""
TOP_PX = 34
"""Above a plot with a vertical axis: the title of that axis."""

COLOURS = 6
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross")
"""A series is told apart by both: its style modulo each number. site.css has the colours."""


@dataclass(frozen=True)
class Size:
    """One design width of the charts; all in px."""

    name: str
    width: int
    plot_height: int
    """Of a chart with two axes."""
    step: int
    """Height of one bar with its labels."""
    bar_offset: int
    name_dy: int
    detail_dy: int
    ticks: int
    label_px: int
    """Room for a label over a point."""


WIDE = Size(
    "wide",
    560,
    plot_height=320,
    step=40,
    bar_offset=8,
    name_dy=-11,
    detail_dy=-11,
    ticks=6,
    label_px=52,
)
NARROW = Size(
    "narrow",
    288,
    plot_height=260,
    step=56,
    bar_offset=16,
    name_dy=-19,
    detail_dy=-4,
    ticks=4,
    label_px=52,
)
SIZES = (WIDE, NARROW)


@cache
def compiled(kind: Kind, size: Size) -> Vega:
    """The chart in Vega, its dataset `rows` empty."""
    return svg.compiled(_SPECIFICATIONS[kind](kind, size))


def draw(chart: Chart, size: Size) -> str:
    """The chart as an `<svg>` element: each mark carries its row as `data-row`."""
    import vl_convert

    drawn = chart.drawn
    shown = [mark.row.id for mark in drawn]
    ranged = [mark.row.id for mark in drawn if mark.lo is not None]
    placed = [mark.row.id for mark in drawn if mark.at_lo is not None]
    return svg.tidy(
        vl_convert.vega_to_svg(
            svg.filled(compiled(chart.kind, size), {ROWS: [mark.datum for mark in drawn]})
        ),
        label=f"{chart.id}-{size.name}",
        title=chart.finding,
        kind=size.name,
        marks=dict.fromkeys(("bars", "names", "details", "values", "points"), shown)
        | dict.fromkeys(("halos", "intervals"), ranged)
        | {"across": placed},
    )


def bars(kind: Kind, size: Size) -> "altair.LayerChart":
    """Bars from 0, an interval over the end of each bar that has one, names above, values behind.

    `y` is the row's id, not its label: two rows with one label must never be summed into one
    bar, and `stack=None` makes sure that they would not be even then.
    """
    import altair as alt

    inner = size.width - 2 * MARGIN_PX
    scale = alt.Scale(range=[0, inner - 58], zero=True, nice=False)
    axis = alt.Axis(title=kind.value, tickCount=size.ticks, labelFlush=False, format=",~r")
    y = alt.Y("row:N", sort=None, axis=None)

    def x(field: str) -> alt.X:
        return alt.X(field, type="quantitative", stack=None, scale=scale, axis=axis)

    base = alt.Chart()
    elsewhere = "datum.elsewhere"
    below = size.bar_offset
    drawn = base.mark_bar(size=14, yOffset=below).encode(
        x=x("value"),
        y=y,
        fill=alt.condition(elsewhere, alt.value("var(--bar-elsewhere)"), alt.value("var(--bar)")),
        stroke=alt.condition(elsewhere, alt.value("var(--bar)"), alt.value("transparent")),
    )
    # a light line under the dark one keeps the interval visible on and beside the bar
    halos, rules = (
        base.transform_filter("isValid(datum.lo)")
        .mark_rule(yOffset=below, y2Offset=below, stroke=colour, strokeWidth=width)
        .encode(x=x("lo"), x2="hi:Q", y=y)
        for colour, width in (("var(--paper)", 5), ("var(--ink)", 2))
    )
    narrow = size is NARROW
    names = base.mark_text(
        align="left", dy=size.name_dy, fontWeight=600, limit=inner * (1 if narrow else 0.48)
    ).encode(x=alt.value(0), y=y, text="name:N")
    details = base.mark_text(
        align="left" if narrow else "right",
        dy=size.detail_dy,
        fill="var(--ink-2)",
        limit=inner * (1 if narrow else 0.5),
    ).encode(x=alt.value(0 if narrow else inner), y=y, text="detail:N")
    numbers = base.transform_calculate(
        end="isValid(datum.hi) ? max(datum.hi, datum.value) : datum.value"
    )
    numbers = numbers.mark_text(align="left", dx=6, dy=below).encode(x=x("end"), y=y, text="text:N")
    layers = {
        "bars": drawn,
        "halos": halos,
        "intervals": rules,
        "names": names,
        "details": details,
        "values": numbers,
    }
    padding = {"left": MARGIN_PX, "right": MARGIN_PX, "top": 0, "bottom": AXIS_PX}
    return _chart(layers, width=inner, height=alt.Step(size.step), padding=padding)


def points(kind: Kind, size: Size) -> "altair.LayerChart":
    """A point at two rates on logarithmic axes, with the interval of each.

    Only the first and the last are named in it: the others could cover each other's names.
    """
    import altair as alt

    right = "scale('x', datum.at) > width / 2"
    labels = (
        alt.Chart()
        .transform_window(number="row_number()")
        .transform_joinaggregate(count="count()")
        .transform_filter("datum.number === 1 || datum.number === datum.count")
        .mark_text(
            align=alt.ExprRef(f"{right} ? 'right' : 'left'"),
            dx=alt.ExprRef(f"{right} ? -9 : 9"),
            limit=size.width * 0.6,
        )
    )
    return _plot(kind, size, labels, logarithmic=True)


def lines(kind: Kind, size: Size) -> "altair.LayerChart":
    """Points of one series joined in order; values from 0.

    A label stands over the highest point of its column, unless the column before is too near.
    """
    import altair as alt

    room = size.label_px / (size.width - SIDE_PX)
    labels = (
        alt.Chart()
        .transform_window(
            place="rank()", sort=[alt.SortField("value", order="descending")], groupby=["at"]
        )
        .transform_filter("datum.place === 1")
        .transform_window(before="lag(at)", sort=[alt.SortField("at")])
        .transform_joinaggregate(least="min(at)", most="max(at)")
        .transform_filter(
            "!isValid(datum.before)"
            f" || datum.at - datum.before > {room:.3f} * (datum.most - datum.least)"
        )
        .mark_text(dy=-12)
    )
    return _plot(kind, size, labels, logarithmic=False)


def _plot(
    kind: Kind, size: Size, labels: "altair.Chart", *, logarithmic: bool
) -> "altair.LayerChart":
    import altair as alt

    width = size.width - SIDE_PX - 3 * MARGIN_PX
    form: Literal["log", "linear"] = "log" if logarithmic else "linear"
    across = alt.Scale(type=form, nice=False, zero=False, padding=24)
    if logarithmic:
        up = alt.Scale(type=form, nice=False, zero=False, padding=24)
    else:
        up = alt.Scale(nice=True, zero=True)
    ticks: dict[str, Any] = {"labelOverlap": "greedy", "labelFlush": False}
    ticks |= {"format": "~s", "grid": False} if logarithmic else {"labelExpr": svg.THOUSANDS}
    across_axis = alt.Axis(title=kind.at, tickCount=size.ticks, **ticks)
    up_axis = alt.Axis(
        title=kind.value,
        titleAngle=0,
        titleAlign="left",
        titleAnchor="start",
        titleX=-SIDE_PX + MARGIN_PX,
        titleY=-TOP_PX + 4,
        titleBaseline="top",
        tickCount=5,
        **ticks,
    )

    def x(field: str) -> alt.X:
        return alt.X(field, type="quantitative", scale=across, axis=across_axis)

    def y(field: str) -> alt.Y:
        return alt.Y(field, type="quantitative", scale=up, axis=up_axis)

    base = alt.Chart().transform_calculate(
        colour=f"'var(--c' + (datum.style % {COLOURS} + 1) + ')'",
        shape=f"{list(SHAPES)}[datum.style % {len(SHAPES)}]",
    )
    colour = alt.Stroke("colour:N", scale=None)
    heights = (
        base.transform_filter("isValid(datum.lo)")
        .mark_rule(strokeWidth=1.5)
        .encode(x=x("at"), y=y("lo"), y2="hi:Q", stroke=colour)
    )
    widths = (
        base.transform_filter("isValid(datum.at_lo)")
        .mark_rule(strokeWidth=1.5)
        .encode(x=x("at_lo"), x2="at_hi:Q", y=y("value"), stroke=colour)
    )
    drawn = base.mark_point(filled=True, size=60, opacity=1).encode(
        x=x("at"),
        y=y("value"),
        fill=alt.Fill("colour:N", scale=None),
        stroke=colour,
        shape=alt.Shape("shape:N", scale=None),
    )
    joined = base.mark_line(strokeWidth=1.5).encode(
        x=x("at"), y=y("value"), stroke=colour, detail="style:N", order="at:Q"
    )
    words = labels.encode(x=x("at"), y=y("value"), text="label:N")
    layers = {"intervals": heights, "across": widths, "points": drawn, "labels": words}
    if not logarithmic:
        layers = {"lines": joined} | layers
    padding = {"left": SIDE_PX + MARGIN_PX, "right": 2 * MARGIN_PX}
    padding |= {"top": TOP_PX, "bottom": AXIS_PX}
    return _chart(layers, width=width, height=size.plot_height, padding=padding)


def _chart(layers: dict[str, Any], **properties: Any) -> "altair.LayerChart":
    import altair as alt

    chart = svg.layered(layers, data=alt.InlineData(values=[], name=ROWS), **properties)
    return chart.configure_scale(bandPaddingInner=0, bandPaddingOuter=0)


_SPECIFICATIONS: dict[Kind, Callable[[Kind, Size], "altair.LayerChart"]] = {
    DECODE: bars,
    CEILING: bars,
    PREFILL: points,
    QUANTS: lines,
    CAPS: lines,
    ENERGY: lines,
}
