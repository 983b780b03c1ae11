"""The pages of trends: one for each rig and backend, an index of what was flagged, the feed; and
the section of each model's page."""

from collections import defaultdict
from dataclasses import dataclass

from markupsafe import Markup

from bench_pipeline.site import trends_feed
from bench_pipeline.site.press import Press
from bench_pipeline.site.source import Tables
from bench_pipeline.site.trends import ModelTrend, Series, Trend
from bench_pipeline.site.trends_chart import NARROW, WIDE, draw
from bench_pipeline.site.trends_maker import changes, newest_steps, trends_of
from bench_pipeline.site.view import Site


@dataclass(frozen=True)
class Drawings:
    """One series' SVG at both widths."""

    wide: Markup
    narrow: Markup


@dataclass(frozen=True)
class ModelSection:
    """One rig and backend on a model's page."""

    trend: Trend
    model: ModelTrend
    shown: Series | None
    """The one that is drawn: decode of the first cell."""
    drawing: Drawings | None


def pages(press: Press, site: Site, tables: Tables) -> dict[str, bytes]:
    trends = trends_of(tables)
    steps = newest_steps(trends)
    made = {
        "trends.html": press.page(
            "trends.html", trends=trends, changes=changes(steps), feed=trends_feed.PATH
        ),
        trends_feed.PATH: trends_feed.feed(steps, tables.runs),
    }
    for trend in trends:
        made[trend.href] = press.page(
            "trends_place.html", root="../", trend=trend, drawings=_drawings(trend)
        )
    return made


def model_sections(tables: Tables) -> dict[str, list[ModelSection]]:
    """By model, what its page shows of trends: for `model_trends` of trend_parts.html."""
    sections: dict[str, list[ModelSection]] = defaultdict(list)
    for trend in trends_of(tables):
        for model in trend.models:
            shown = model.figures[0].series[0] if model.figures else None
            drawing = _drawing(shown) if shown and shown.placed else None
            sections[model.model].append(ModelSection(trend, model, shown, drawing))
    return sections


def _drawings(trend: Trend) -> dict[str, Drawings]:
    """By the series' id."""
    return {
        series.id: _drawing(series)
        for model in trend.models
        for figure in model.figures
        if figure.id in trend.drawn
        for series in figure.series
        if series.placed
    }


def _drawing(series: Series) -> Drawings:
    return Drawings(Markup(draw(series, WIDE)), Markup(draw(series, NARROW)))
