"""Decode speed by workload: Altair charts as inline SVG that follows the page's colours.

Every chart is drawn at two widths with the same text size, because a chart that shrinks with
its page ends in 6 px text; a container query shows the one that fits. Colours are CSS variables,
so that one drawing serves light, dark and print.

vl_convert deadlocks in a forked child of a process that has used it: call this in-process only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench_pipeline.errors import SiteError
from bench_pipeline.site import svg, wording
from bench_pipeline.site.rows import Figure, TableRow

if TYPE_CHECKING:
    import altair

MAX_BARS = 1000
"""More rows than this in one chart is a mistake of selection, not a chart."""

MARGIN_PX = 4
AXIS_PX = 38
"""Height of the axis with its labels and title."""


@dataclass(frozen=True)
class Size:
    """One design width of the chart; all in px."""

    name: str
    width: int
    step: int
    """Height of one bar with its labels."""
    bar_offset: int
    name_dy: int
    detail_dy: int
    ticks: int


WIDE = Size("wide", 560, step=40, bar_offset=8, name_dy=-11, detail_dy=-11, ticks=6)
NARROW = Size("narrow", 288, step=56, bar_offset=16, name_dy=-19, detail_dy=-4, ticks=4)


@dataclass(frozen=True)
class Bar:
    row: TableRow
    figure: Figure

    @property
    def detail(self) -> str:
        row = self.row
        parts = [row.hardware.device, f"{row.backend_name} {row.build}"]
        parts += [row.mode] if row.mode != "baseline" else []
        parts += [row.source_text] if row.source_text in ("provisional", "flagged") else []
        return " · ".join(parts)


@dataclass(frozen=True)
class WorkloadChart:
    id: str
    workload: str
    title: str
    explanation: str
    concurrency: int
    bars: tuple[Bar, ...]
    """Fastest first."""

    @property
    def finding(self) -> str:
        """The chart in one sentence: what a screen reader gets instead of the drawing."""
        first, last = self.bars[0], self.bars[-1]
        words = (
            f"{self.title}, {wording.counted(self.concurrency, 'stream')}: "
            f"{wording.counted(len(self.bars), 'bar')}, the longest "
            f"{first.row.name} on {first.detail} with {first.figure.text} tok/s"
        )
        if len(self.bars) > 1:
            words += (
                f", the shortest {last.row.name} on {last.detail} with {last.figure.text} tok/s"
            )
        return f"{words}."


def workload_charts(
    rows: Sequence[TableRow], workloads: Sequence[dict[str, Any]]
) -> list[WorkloadChart]:
    """One chart for each workload and concurrency that has a figure, in the page's order.

    SiteError above `MAX_BARS` bars.
    """
    made = []
    for concurrency in sorted({row.concurrency for row in rows if row.concurrency is not None}):
        for work in workloads:
            bars = [
                Bar(row, figure)
                for row in rows
                for figure in row.figures
                if row.concurrency == concurrency
                and figure.workload == work["workload"]
                and figure.tok_s is not None
            ]
            if len(bars) > MAX_BARS:
                raise SiteError(
                    f"chart {work['workload']} would have {len(bars):,} bars, over {MAX_BARS:,}",
                    mend="divide the page by family before publishing more rows",
                )
            if bars:
                bars.sort(key=lambda bar: (-(bar.figure.tok_s or 0), bar.row.order))
                made.append(
                    WorkloadChart(
                        id=f"chart-{work['workload']}-{concurrency}",
                        workload=work["workload"],
                        title=work["title"],
                        explanation=work["explanation"],
                        concurrency=concurrency,
                        bars=tuple(bars),
                    )
                )
    return made


def draw(chart: WorkloadChart, size: Size) -> str:
    """The chart as an `<svg>` element: each mark carries its row as `data-row`."""
    import vl_convert

    drawn = vl_convert.vegalite_to_svg(specification(chart, size).to_dict())
    bars = [bar.row.id for bar in chart.bars]
    measured = [bar.row.id for bar in chart.bars if bar.figure.lo is not None]
    return svg.tidy(
        drawn,
        label=f"{chart.id}-{size.name}",
        title=chart.finding,
        kind=size.name,
        marks=dict.fromkeys(("bars", "names", "details", "values"), bars)
        | dict.fromkeys(("halos", "intervals"), measured),
    )


def specification(chart: WorkloadChart, size: Size) -> "altair.LayerChart":
    """Bars from 0, an interval over the end of each bar that has one, names above, values behind.

    `y` is the row's id, not its label: two rows with one label must never be summed into one
    bar, and `stack=None` makes sure that they would not be even then.
    """
    import altair as alt

    values: list[dict[str, Any]] = [
        {
            "row": bar.row.id,
            "name": svg.printable(bar.row.name),
            "detail": svg.printable(bar.detail),
            "tok_s": bar.figure.tok_s,
            "lo": bar.figure.lo,
            "hi": bar.figure.hi,
            "text": bar.figure.text,
            "elsewhere": bar.row.provenance != "measured",
        }
        for bar in chart.bars
    ]
    inner = size.width - 2 * MARGIN_PX
    ends = [bar.figure.hi or bar.figure.tok_s or 0 for bar in chart.bars]
    scale = alt.Scale(domain=[0, max(ends)], range=[0, inner - 52], zero=True, nice=False)
    axis = alt.Axis(title="tok/s", tickCount=size.ticks, labelFlush=False)
    y = alt.Y("row:N", sort=[value["row"] for value in values], axis=None)

    def x(field: str) -> alt.X:
        return alt.X(field, type="quantitative", stack=None, scale=scale, axis=axis)

    base = alt.Chart(alt.InlineData(values=values))
    elsewhere = "datum.elsewhere"
    below = size.bar_offset
    bars = base.mark_bar(size=14, yOffset=below).encode(
        x=x("tok_s"),
        y=y,
        fill=alt.condition(elsewhere, alt.value("var(--bar-elsewhere)"), alt.value("var(--bar)")),
        stroke=alt.condition(elsewhere, alt.value("var(--bar)"), alt.value("transparent")),
    )
    # a light line under the dark one keeps the interval visible on and beside the bar
    halo, rule = (
        base.transform_filter("isValid(datum.lo)")
        .mark_rule(yOffset=below, y2Offset=below, stroke=colour, strokeWidth=width)
        .encode(x=x("lo"), x2="hi:Q", y=y)
        for colour, width in (("var(--paper)", 5), ("var(--ink)", 2))
    )
    names = base.mark_text(
        align="left", dy=size.name_dy, fontWeight=600, limit=inner * 0.48
    ).encode(x=alt.value(0), y=y, text="name:N")
    if size is NARROW:
        names = names.mark_text(align="left", dy=size.name_dy, fontWeight=600, limit=inner)
        details = base.mark_text(
            align="left", dy=size.detail_dy, fill="var(--ink-2)", limit=inner
        ).encode(x=alt.value(0), y=y, text="detail:N")
    else:
        details = base.mark_text(
            align="right", dy=size.detail_dy, fill="var(--ink-2)", limit=inner * 0.5
        ).encode(x=alt.value(inner), y=y, text="detail:N")
    numbers = base.transform_calculate(
        end="isValid(datum.hi) ? max(datum.hi, datum.tok_s) : datum.tok_s"
    )
    numbers = numbers.mark_text(align="left", dx=6, dy=below).encode(x=x("end"), y=y, text="text:N")
    layers = {
        "bars": bars,
        "halos": halo,
        "intervals": rule,
        "names": names,
        "details": details,
        "values": numbers,
    }
    return svg.themed(
        alt.LayerChart(
            layer=[layer.properties(name=name) for name, layer in layers.items()],
            width=inner,
            height=size.step * len(values),
            autosize="none",  # exactly as wide as designed, whatever the labels measure
            padding={"left": MARGIN_PX, "right": MARGIN_PX, "top": 0, "bottom": AXIS_PX},
        )
    ).configure_scale(bandPaddingInner=0, bandPaddingOuter=0)
