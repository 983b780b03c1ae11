"""How each kind of chart is drawn: Altair, compiled to Vega once, without any row in it.

The same compiled chart makes the page's inline SVG here and draws in the browser under a filter;
either way its one dataset, `rows`, gets the rows to show. Every chart is drawn at two widths with
the same text size, because a chart that shrinks with its page ends in 6 px text; a container
query shows the one that fits. Colours are CSS variables, so that one drawing serves light, dark
and print.

vl_convert deadlocks in a forked child of a process that has used it: no process is forked here.
"""

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

_SPECIFICATIONS = {
    DECODE: bars.bars,
    CEILING: bars.bars,
    PREFILL: plots.points,
    QUANTS: plots.lines,
    BITS: plots.lines,
    CAPS: plots.lines,
    ENERGY: plots.lines,
}


Compiled = dict[tuple[str, str], Vega]
"""Charts in Vega by the names of their kind and size."""
_compiled: Compiled = {}


def compiled(kind: Kind, size: Size) -> Vega:
    """The chart in Vega, its dataset `rows` empty: each is to be a mark's `datum` and `words`."""
    names = kind.name, size.name
    if names not in _compiled:
        vega = svg.compiled(_SPECIFICATIONS[kind](kind, size))
        _compiled[names] = vega if kind.at else bars.arranged(vega, size)
    return _compiled[names]


def learn(known: Compiled) -> None:
    """What another process compiled of the same code."""
    _compiled.update(known)


def all_compiled() -> Compiled:
    """By this process, or learned."""
    return dict(_compiled)


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
