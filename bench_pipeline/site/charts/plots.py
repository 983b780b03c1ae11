"""Charts with two axes: a point for each configuration, alone or joined with others of a series."""

from typing import TYPE_CHECKING, Any, Literal

from bench_pipeline.site.charts import svg
from bench_pipeline.site.charts.kinds import Kind
from bench_pipeline.site.charts.lettering import LINE_PX
from bench_pipeline.site.charts.sizes import AXIS_PX, MARGIN_PX, SIDE_PX, TOP_PX, Size

if TYPE_CHECKING:
    import altair

COLOURS = 6
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross")
"""A series is told apart by both: its style modulo each number. site.css has the colours."""

_INSET_PX = 24
"""From the sides of the plot to its outermost points."""
_LABEL_PX = 13
"""From a point to the middle of the nearest line of its label."""
_BETWEEN_PX = 6
"""Two labels."""


def points(kind: Kind, size: Size) -> "altair.LayerChart":
    """A point at two rates on logarithmic axes, with the interval of each.

    Only the highest and the lowest are named in it, above and below: the others could cover each
    other's names.
    """
    import altair as alt

    labels = (
        alt.Chart()
        .transform_window(number="row_number()")
        .transform_joinaggregate(count="count()")
        .transform_filter("datum.number === 1 || datum.number === datum.count")
        .transform_calculate(above="datum.number === 1")
    )
    across = "scale('x', datum.at)"
    words = _written(labels, f"{_inside(across, size)} - {across}")
    return _plot(kind, size, words, logarithmic=True)


def lines(kind: Kind, size: Size) -> "altair.LayerChart":
    """Points of one series joined in order; values from 0.

    A label stands over the highest point of its column, unless it would touch that of the column
    before.
    """
    import altair as alt

    reach = size.plot_width - 2 * _INSET_PX
    labels = (
        alt.Chart()
        .transform_window(
            place="rank()", sort=[alt.SortField("value", order="descending")], groupby=["at"]
        )
        .transform_filter("datum.place === 1")
        .transform_joinaggregate(least="min(at)", most="max(at)")
        .transform_calculate(
            x_px=f"{_INSET_PX} + {reach} * (datum.at - datum.least) / (datum.most - datum.least)",
            middle_px=_inside("datum.x_px", size),
            right_px="datum.middle_px + datum.label_px / 2",
            above="true",
        )
        .transform_window(before_px="lag(right_px)", sort=[alt.SortField("at")])
        .transform_filter(
            "!isValid(datum.before_px)"
            f" || datum.middle_px - datum.label_px / 2 > datum.before_px + {_BETWEEN_PX}"
        )
    )
    words = _written(labels, "datum.middle_px - datum.x_px")
    return _plot(kind, size, words, logarithmic=False)


def _written(labels: "altair.Chart", dx: str) -> "altair.Chart":
    """The lines of each label, `above` its point or below."""
    import altair as alt

    above = f"{LINE_PX} * (datum.line - length(datum.label_lines)) - {_LABEL_PX}"
    below = f"{LINE_PX} * (datum.line - 1) + {_LABEL_PX}"
    return (
        labels.transform_calculate(
            label_lines="datum.label_lines || [datum.label]", words="datum.label_lines"
        )
        .transform_flatten(["words"])
        .transform_window(line="row_number()", groupby=["row"])
        .mark_text(dx=alt.ExprRef(dx), dy=alt.ExprRef(f"datum.above ? {above} : {below}"))
        .encode(text="words:N")
    )


def _inside(place: str, size: Size) -> str:
    """A label's middle, as near to `place` as its width allows inside of the drawing."""
    half = "datum.label_px / 2"
    right = size.plot_width + 2 * MARGIN_PX - 1
    return f"clamp({place}, {half} + 2, max({half} + 2, {right} - {half}))"


def _plot(
    kind: Kind, size: Size, labels: "altair.Chart", *, logarithmic: bool
) -> "altair.LayerChart":
    import altair as alt

    form: Literal["log", "linear"] = "log" if logarithmic else "linear"
    across = alt.Scale(type=form, nice=False, zero=False, padding=_INSET_PX)
    if logarithmic:
        # two lines of a label have room above the highest point, and below the lowest
        up_px = _LABEL_PX + 2 * LINE_PX
        up = alt.Scale(type=form, nice=False, zero=False, padding=up_px)
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
    words = labels.encode(x=x("at"), y=y("value"))
    layers = {"intervals": heights, "across": widths, "points": drawn, "labels": words}
    if not logarithmic:
        layers = {"lines": joined} | layers
    padding = {"left": SIDE_PX + MARGIN_PX, "right": 2 * MARGIN_PX}
    padding |= {"top": TOP_PX, "bottom": AXIS_PX}
    return svg.layered(
        layers,
        data=alt.InlineData(values=[], name=svg.ROWS),
        width=size.plot_width,
        height=size.plot_height,
        padding=padding,
    )
