"""How each kind of chart is drawn: Altair, compiled to Vega once, without any row in it.

The same compiled chart makes the page's inline SVG here and draws in the browser under a filter;
either way its one dataset, `rows`, gets the rows to show. Every chart is drawn at two widths with
the same text size, because a chart that shrinks with its page ends in 6 px text; a container
query shows the one that fits. Colours are CSS variables, so that one drawing serves light, dark
and print.

vl_convert deadlocks in a forked child of a process that has used it: no process is forked here.
"""

from functools import partial
from typing import TYPE_CHECKING

from bench_pipeline.site.charts import bars, drawing, plots, svg
from bench_pipeline.site.charts.configurations import Chart
from bench_pipeline.site.charts.kinds import (
    BITS,
    CAPS,
    CEILING,
    DECODE,
    ENERGY,
    PREFILL,
    QUANTS,
    Kind,
)
from bench_pipeline.site.charts.sizes import Size, rows_by_line, words
from bench_pipeline.site.charts.svg import ROWS, Vega

if TYPE_CHECKING:
    from altair import LayerChart

_SPECIFICATIONS = {
    DECODE: bars.bars,
    CEILING: bars.bars,
    PREFILL: plots.points,
    QUANTS: plots.lines,
    BITS: plots.lines,
    CAPS: plots.lines,
    ENERGY: plots.lines,
}


def compiled(kind: Kind, size: Size) -> Vega:
    """The chart in Vega, its dataset `rows` empty: each is to be a mark's `datum` and `words`."""
    arrange = None if kind.at else partial(bars.arranged, size=size)
    return svg.compiled((kind.name, size.name), partial(layers, kind, size), arrange)


def layers(kind: Kind, size: Size) -> "LayerChart":
    """The chart as Altair has it."""
    return _SPECIFICATIONS[kind](kind, size)


def draw(chart: Chart, size: Size) -> str:
    """The chart as an `<svg>` element: each mark carries its row as `data-row`."""
    drawn = chart.drawn
    shown = [mark.row.id for mark in drawn]
    ranged = [mark.row.id for mark in drawn if mark.lo is not None]
    placed = [mark.row.id for mark in drawn if mark.at_lo is not None]
    rows = [mark.datum | words(mark, size) for mark in drawn]
    written = {} if chart.kind.at else bars.texts(rows)
    return svg.tidy(
        drawing.drawn(
            svg.filled(
                compiled(chart.kind, size),
                {ROWS: list(map(bars.without_texts, rows)) if written else rows},
            )
        ),
        label=f"{chart.id}-{size.name}",
        title=chart.finding,
        kind=size.name,
        marks=dict.fromkeys(("bars", "values", "points"), shown)
        | {f"{part}s": rows_by_line(drawn, size, part) for part in ("name", "detail")}
        | dict.fromkeys(("halos", "intervals"), ranged)
        | {"across": placed},
        texts=written,
    )
