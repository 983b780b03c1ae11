"""The front page."""

from dataclasses import dataclass

from markupsafe import Markup

from bench_pipeline.site.charts import NARROW, WIDE, draw
from bench_pipeline.site.press import Press
from bench_pipeline.site.source import Tables
from bench_pipeline.site.view import Site


@dataclass(frozen=True)
class Drawings:
    """One chart's SVG at both widths."""

    wide: Markup
    narrow: Markup


def pages(press: Press, site: Site, tables: Tables) -> dict[str, bytes]:
    drawings = {
        chart.id: Drawings(Markup(draw(chart, WIDE)), Markup(draw(chart, NARROW)))
        for chart in site.charts
    }
    return {"index.html": press.page("index.html", drawings=drawings)}
