"""Charts of bars from 0: of each the name and details above it, its value behind it, and an
interval over its end where one was measured."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bench_pipeline.site.charts import svg
from bench_pipeline.site.charts.kinds import Kind
from bench_pipeline.site.charts.lettering import LINE_PX
from bench_pipeline.site.charts.sizes import AXIS_PX, MARGIN_PX, Size
from bench_pipeline.site.charts.svg import ROWS, Vega

if TYPE_CHECKING:
    import altair

Datum = dict[str, Any]
"""A row as a drawing reads it: a mark's `datum` and `words`."""

_BAR_PX = 14
_FIRST_PX = 9
"""From the top of a bar's room to the middle of its first line of words."""
_ABOVE_PX, _BELOW_PX = 7, 5
"""Between those lines, as high as they are, and the bar; between the bar and the next room."""
_VALUE_PX = 58
"""Room for the value behind the longest bar."""


def bars(kind: Kind, size: Size) -> "altair.LayerChart":
    """To be `arranged` when it is compiled: a bar's room is as high as its words need.

    A bar's place is its own and comes from no label: two rows with one label must never be summed
    into one bar, and `stack=None` makes sure that they would not be even then.
    """
    import altair as alt

    scale = alt.Scale(range=[0, size.inner - _VALUE_PX], zero=True, nice=False)
    axis = alt.Axis(title=kind.value, tickCount=size.ticks, labelFlush=False, format=",~r")

    def x(field: str) -> alt.X:
        return alt.X(field, type="quantitative", stack=None, scale=scale, axis=axis)

    base = alt.Chart()
    elsewhere = "datum.elsewhere"
    middle = alt.ExprRef(f"datum.end_px - {_BELOW_PX + _BAR_PX // 2}")
    drawn = base.mark_bar(orient="horizontal", height=_BAR_PX, y=middle).encode(
        x=x("value"),
        fill=alt.condition(elsewhere, alt.value("var(--bar-elsewhere)"), alt.value("var(--bar)")),
        stroke=alt.condition(elsewhere, alt.value("var(--bar)"), alt.value("transparent")),
    )
    # a light line under the dark one keeps the interval visible on and beside the bar
    halos, rules = (
        base.transform_filter("isValid(datum.lo)")
        .mark_rule(stroke=colour, strokeWidth=width, y=middle)
        .encode(x=x("lo"), x2="hi:Q")
        for colour, width in (("var(--paper)", 5), ("var(--ink)", 2))
    )

    def words(field: str, first: str, **properties: Any) -> alt.Chart:
        place = f"datum.end_px - datum.tall_px + {_FIRST_PX} + {LINE_PX} * ({first})"
        return (
            base.transform_flatten([f"{field}_lines"])
            .transform_window(line="row_number()", groupby=["row"])
            .mark_text(y=alt.ExprRef(place), **properties)
            .encode(text=f"{field}_lines:N")
        )

    names = words("name", "datum.line - 1", align="left", x=0, fontWeight=600)
    if size.side_by_side:
        details = words(
            "detail", "datum.line - 1", align="right", x=size.inner, fill="var(--ink-2)"
        )
    else:
        below = "datum.name_count + datum.line - 1"
        details = words("detail", below, align="left", x=0, fill="var(--ink-2)")
    numbers = base.transform_calculate(
        end="isValid(datum.hi) ? max(datum.hi, datum.value) : datum.value"
    )
    numbers = numbers.mark_text(align="left", dx=6, y=middle).encode(x=x("end"), text="text:N")
    layers = {
        "bars": drawn,
        "halos": halos,
        "intervals": rules,
        "names": names,
        "details": details,
        "values": numbers,
    }
    padding = {"left": MARGIN_PX, "right": MARGIN_PX, "top": 0, "bottom": AXIS_PX}
    data = alt.InlineData(values=[], name=ROWS)
    return svg.layered(layers, data=data, width=size.inner, height=1, padding=padding)


def arranged(vega: Vega, size: Size) -> Vega:
    """Each row's room `tall_px` and where it ends, `end_px`; the drawing as high as the last."""
    rows, *others = vega["data"]
    names, details = "length(datum.name_lines)", "length(datum.detail_lines)"
    lines = f"max({names}, {details})" if size.side_by_side else f"{names} + {details}"
    formulas = {
        "name_lines": "datum.name_lines || [datum.name]",
        "detail_lines": "datum.detail_lines || [datum.detail]",
        "name_count": names,
        "tall_px": f"{LINE_PX} * ({lines}) + {_ABOVE_PX + _BAR_PX + _BELOW_PX}",
    }
    room = [{"type": "formula", "as": name, "expr": expr} for name, expr in formulas.items()]
    ends = {"type": "window", "ops": ["sum"], "fields": ["tall_px"], "as": ["end_px"]}
    last = {"type": "aggregate", "ops": ["max"], "fields": ["end_px"], "as": ["end_px"]}
    whole = {"name": "whole", "source": ROWS, "transform": [last]}
    height = {"name": "height", "update": "length(data('whole')) ? data('whole')[0].end_px : 0"}
    return {
        **{key: value for key, value in vega.items() if key != "height"},
        "data": [{**rows, "transform": [*room, ends]}, whole, *others],
        "signals": [*vega.get("signals", ()), height],
    }


def texts(rows: Iterable[Datum]) -> dict[str, list[str]]:
    """What a drawing of these rows reads, by its layer, in order."""
    found: dict[str, list[str]] = {"names": [], "details": [], "values": []}
    for row in rows:
        found["names"] += row.get("name_lines", [row["name"]])
        found["details"] += row.get("detail_lines", [row["detail"]])
        found["values"].append(row["text"])
    return found


def without_texts(row: Datum) -> Datum:
    """In as many lines. vl_convert measures every text, which takes longer than all else; in a
    drawing of bars nothing follows from it."""
    empty: Datum = {"name": "", "detail": "", "text": ""}
    for name in ("name_lines", "detail_lines"):
        if name in row:
            empty[name] = [""] * len(row[name])
    return row | empty
