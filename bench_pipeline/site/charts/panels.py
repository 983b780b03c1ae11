"""The frame of the small charts on pages of models and runs: values from 0 upwards over places
that are all named on the axis.

A panel is compiled once and filled for each run, its scales by signals: there are thousands of
them on a large site. One width serves all pages: a panel is as wide as a phone's column, and two
stand side by side where there is room. vl_convert must not be used after a fork, see
`specs`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench_pipeline.site.charts import svg
from bench_pipeline.site.charts.svg import Vega

if TYPE_CHECKING:
    import altair

WIDTH_PX = 288
_LEFT_PX, _RIGHT_PX, _BOTTOM_PX = 44, 14, 38
"""Room for the axes."""
_PLOT_PX = WIDTH_PX - _LEFT_PX - _RIGHT_PX

_PLACES, _ENDS, _HIGHEST = "places", "ends", "highest"
"""Names of the signals."""


@dataclass(frozen=True)
class Frame:
    height_px: int
    """Of the plot."""
    top_px: int
    """Room above it."""
    inset_px: int
    """From the sides of the plot to the outermost places, so that no point lies on an axis."""

    def x(self, title: str, label: str, **scale: Any) -> "altair.X":
        """The field `at`. `label`: format of the places' names; `scale`: form of the scale."""
        import altair as alt

        return alt.X(
            "at:Q",
            scale=alt.Scale(
                domain=[alt.ExprRef(f"{_ENDS}[0]"), alt.ExprRef(f"{_ENDS}[1]")],
                range=[self.inset_px, _PLOT_PX - self.inset_px],
                nice=False,
                zero=False,
                **scale,
            ),
            axis=alt.Axis(
                title=title,
                values=alt.ExprRef(_PLACES),
                format=label,
                labelOverlap=True,
                labelFlush=False,
                grid=False,
            ),
        )

    def y(self, field: str) -> "altair.Y":
        """From 0 to a little above the highest."""
        import altair as alt

        return alt.Y(
            field,
            type="quantitative",
            scale=alt.Scale(domain=[0, alt.ExprRef(f"{_HIGHEST} * 1.04")], nice=False),
            axis=alt.Axis(title=None, tickCount=4, labelExpr=svg.THOUSANDS),
        )

    def compiled(self, layers: "Mapping[str, altair.Chart]") -> Vega:
        import altair as alt

        padding = {"left": _LEFT_PX, "right": _RIGHT_PX, "top": self.top_px, "bottom": _BOTTOM_PX}
        chart = svg.layered(layers, width=_PLOT_PX, height=self.height_px, padding=padding)
        empty = {_PLACES: [], _ENDS: [0, 1], _HIGHEST: 1}
        params = [alt.param(name=name, value=value) for name, value in empty.items()]
        return svg.compiled(chart.add_params(*params))


def rows(name: str) -> "altair.Chart":
    """A layer of the dataset with that name."""
    import altair as alt

    return alt.Chart(alt.InlineData(values=[], name=name))


def draw(
    vega: Vega,
    data: Mapping[str, Sequence[dict[str, Any]]],
    *,
    places: Sequence[int],
    ends: tuple[int, int],
    label: str,
    title: str,
    marks: Mapping[str, Sequence[str]],
) -> str:
    """As an `<svg>` element. `data` by dataset: rows of `at` and, where measured, of `y`, `lo` and
    `hi`. `ends` of the scale of `places`; `label`, `title` and `marks` as of `svg.tidy`."""
    import vl_convert

    measured = [row for shown in data.values() for row in shown if "y" in row]
    highest = max(max(row["y"], row["hi"] or 0) for row in measured)
    signals = {_PLACES: list(places), _ENDS: list(ends), _HIGHEST: highest}
    drawn = vl_convert.vega_to_svg(svg.filled(vega, data, signals))
    return svg.tidy(drawn, label=label, title=title, kind="panel", marks=marks)
