"""The frame of the small charts on pages of models and runs: values from 0 upwards over places
that are all named on the axis.

One width serves all pages: a panel is as wide as a phone's column, and two stand side by side
where there is room. vl_convert must not be used after a fork, see `chart_specs`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench_pipeline.site import svg

if TYPE_CHECKING:
    import altair

WIDTH_PX = 288
_LEFT_PX, _RIGHT_PX, _BOTTOM_PX = 44, 14, 38
"""Room for the axes."""
_PLOT_PX = WIDTH_PX - _LEFT_PX - _RIGHT_PX


@dataclass(frozen=True)
class Frame:
    height_px: int
    """Of the plot."""
    top_px: int
    """Room above it."""
    inset_px: int
    """From the sides of the plot to the outermost places, so that no point lies on an axis."""

    def x(
        self, title: str, places: Sequence[int], domain: Sequence[int], label: str, **scale: Any
    ) -> "altair.X":
        """The field `at`. `label`: format of the places' names; `scale`: form of the scale."""
        import altair as alt

        return alt.X(
            "at:Q",
            scale=alt.Scale(
                domain=list(domain),
                range=[self.inset_px, _PLOT_PX - self.inset_px],
                nice=False,
                zero=False,
                **scale,
            ),
            axis=alt.Axis(
                title=title,
                values=list(places),
                format=label,
                labelOverlap=True,
                labelFlush=False,
                grid=False,
            ),
        )

    def y(self, field: str, highest: float) -> "altair.Y":
        """From 0 to a little above `highest`."""
        import altair as alt

        return alt.Y(
            field,
            type="quantitative",
            scale=alt.Scale(domain=[0, highest * 1.04], nice=False),
            axis=alt.Axis(title=None, tickCount=4, labelExpr=svg.THOUSANDS),
        )

    def chart(self, layers: "Mapping[str, altair.Chart]") -> "altair.LayerChart":
        padding = {"left": _LEFT_PX, "right": _RIGHT_PX, "top": self.top_px, "bottom": _BOTTOM_PX}
        return svg.layered(layers, width=_PLOT_PX, height=self.height_px, padding=padding)


def draw(
    chart: "altair.LayerChart", *, label: str, title: str, marks: Mapping[str, Sequence[str]]
) -> str:
    """As an `<svg>` element; `label`, `title` and `marks` as of `svg.tidy`."""
    import vl_convert

    drawn = vl_convert.vegalite_to_svg(chart.to_dict())
    return svg.tidy(drawn, label=label, title=title, kind="panel", marks=marks)
