"""The pages of trends: one for each rig and backend, one for each of its models where they are
many, an index of what was flagged, the feed; and the section of each model's page."""

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest

from markupsafe import Markup

from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.source import Row, Tables
from bench_pipeline.site.trends import feed
from bench_pipeline.site.trends.changes import changes, newest_steps, open_pairs
from bench_pipeline.site.trends.chart import NARROW, WIDE, draw
from bench_pipeline.site.trends.engine import EngineTrend
from bench_pipeline.site.trends.maker import trends_of
from bench_pipeline.site.trends.series import Change, Figure, ModelTrend, Series, Trend
from bench_pipeline.site.trends.words import METRICS

CELLS_DRAWN = 4
"""On a page of one model: flagged ones, then judged ones; the others stand as tables. A drawing
takes about 10 ms, and a cell has six."""
STEPS_DRAWN = 6
"""On the page of a place that keeps no figures."""
POINTS_OF_A_MODEL = 500
"""On its page of one place, about 50 KB gzipped; with more it keeps the newest builds, and each
cell has a page with all of them."""
BUILDS_DRAWN = 20
"""The newest, where a page shows of a series what another one has in full."""
ELSEWHERE_NAMED = 30
"""Series of imported figures on the index; the models' pages have all."""
PLACES_IN_FULL, CELLS_IN_FULL = 6, 12
"""On a model's page; other places stand in a line each, other cells on the place's page."""


@dataclass(frozen=True)
class Drawings:
    """One series' SVG at both widths."""

    wide: Markup
    narrow: Markup


@dataclass(frozen=True)
class Leading:
    """A series on the page of a place that keeps no figures."""

    model: ModelTrend
    figure: Figure
    series: Series
    """With its newest builds."""
    builds: int
    """That it has in all."""


@dataclass(frozen=True)
class ModelSection:
    """One rig and backend on a model's page."""

    trend: Trend
    model: ModelTrend
    in_full: bool
    shown: Series | None
    """The one that is drawn: decode of the first cell, with its newest builds."""
    drawing: Drawings | None

    @property
    def cells(self) -> tuple[Figure, ...]:
        return _most_telling(self.model.figures, CELLS_IN_FULL)


def pages(press: Press, trend: Trend) -> dict[str, bytes]:
    """Of one rig and backend."""
    return _divided(press, trend) if trend.divided else _whole(press, trend)


def index(
    press: Press,
    trends: Sequence[Trend],
    runs: Sequence[Row],
    elsewhere: Sequence[EngineTrend] = (),
) -> dict[str, bytes]:
    """What was flagged anywhere, and the feed. `trends`: without their models will do; `runs` of
    the table; `elsewhere`: of imported figures."""
    steps = newest_steps(trends)
    newest, older = changes(steps)
    pairs, more_pairs = open_pairs(trends)
    return {
        "trends.html": press.page(
            "trends.html",
            trends=trends,
            changes=newest,
            older=older,
            pairs=pairs,
            more_pairs=more_pairs,
            feed=feed.PATH,
            elsewhere=elsewhere[:ELSEWHERE_NAMED],
            more_elsewhere=max(0, len(elsewhere) - ELSEWHERE_NAMED),
        ),
        feed.PATH: feed.feed(steps, runs),
    }


def _whole(press: Press, trend: Trend) -> dict[str, bytes]:
    figures = [figure for model in trend.shown for figure in model.figures]
    drawings = _drawings(figures, _heads(trend))
    return {trend.href: press.page("trends_place.html", trend.href, trend=trend, drawings=drawings)}


def _divided(press: Press, trend: Trend) -> dict[str, bytes]:
    newest, older = changes(trend.steps)
    leading = _leading(trend, newest)
    made = {
        trend.href: press.page(
            "trends_divided.html",
            trend.href,
            trend=trend,
            changes=newest,
            older=older,
            leading=leading,
            drawings={one.series.id: _kept(one.series) for one in leading},
            metrics=METRICS,
        )
    }
    shared = _heads(trend) | {one.series.id for one in leading}
    for model in trend.shown:
        made |= _of_model(press, trend, model, shared)
    return made


def _of_model(
    press: Press, trend: Trend, model: ModelTrend, shared: Container[str]
) -> dict[str, bytes]:
    """Of a divided place: one page, and where that would be too much one more for each cell."""
    series = [each for figure in model.figures for each in figure.series]
    most = max(2, min(BUILDS_DRAWN, POINTS_OF_A_MODEL // len(series)))
    longest = max(len(each.points) for each in series)
    whole: dict[str, str] = {}
    shown = model.figures
    if sum(len(each.points) for each in series) > POINTS_OF_A_MODEL and longest > most:
        folder = model.trend_href.removesuffix(".html")
        whole = {figure.id: f"{folder}/{figure.id}.html" for figure in model.figures}
        shown = tuple(figure.newest_builds(most) for figure in model.figures)
    drawn = _most_telling(shown, CELLS_DRAWN)
    made = {
        model.trend_href: press.page(
            "trends_model.html",
            model.trend_href,
            trend=trend,
            model=model,
            figures=shown,
            drawn=len(drawn),
            drawings=_drawings(drawn, shared),
            whole=whole,
            builds=most,
        )
    }
    for figure in model.figures if whole else ():
        made[whole[figure.id]] = press.page(
            "trends_cell.html",
            whole[figure.id],
            trend=trend,
            model=model,
            figure=figure,
            drawings=_drawings([figure], shared),
        )
    return made


def _leading(trend: Trend, newest: Sequence[Change]) -> list[Leading]:
    """The cells that changed most in each change, then the second of each, and so on."""
    figures = {
        f"{model.trend_href}#{figure.id}": (model, figure)
        for model in trend.shown
        for figure in model.figures
    }
    found: dict[str, Leading] = {}
    for ranked in zip_longest(*(change.cells for change in newest)):
        for cell in filter(None, ranked):
            model, figure = figures[cell.href]
            series = next(each for each in figure.series if each.name in cell.verdicts)
            newest_builds = series.newest_builds(BUILDS_DRAWN)
            if newest_builds.placed:
                found.setdefault(
                    series.id, Leading(model, figure, newest_builds, len(series.points))
                )
    return list(found.values())[:STEPS_DRAWN]


def model_sections(tables: Tables) -> dict[str, list[ModelSection]]:
    """By model, what its page shows of trends: for `model_trends` of trend_parts.html."""
    by_model: dict[str, list[tuple[Trend, ModelTrend]]] = defaultdict(list)
    for trend in trends_of(tables):
        for model in trend.models:
            by_model[model.model].append((trend, model))
    return {name: _sections(places) for name, places in by_model.items()}


def _sections(places: Sequence[tuple[Trend, ModelTrend]]) -> list[ModelSection]:
    ranked = sorted(places, key=lambda place: (not place[1].judged, not place[1].figures))
    in_full = {trend.href for trend, _ in ranked[:PLACES_IN_FULL]}
    made = []
    for trend, model in places:
        head = model.figures[0].series[0] if model.figures else None
        shown = head.newest_builds(BUILDS_DRAWN) if head else None
        full = trend.href in in_full
        drawing = _kept(shown) if full and shown and shown.placed else None
        made.append(ModelSection(trend, model, full, shown, drawing))
    return made


def _most_telling(figures: Sequence[Figure], most: int) -> tuple[Figure, ...]:
    """Those with a flagged step before judged ones before others; in the order of `figures`."""
    ranked = sorted(figures, key=lambda figure: (not figure.flagged, not figure.judged))
    ids = {figure.id for figure in ranked[:most]}
    return tuple(figure for figure in figures if figure.id in ids)


def _heads(trend: Trend) -> set[str]:
    """Ids of the series that models' pages draw."""
    return {model.figures[0].series[0].id for model in trend.shown}


def _drawings(figures: Iterable[Figure], shared: Container[str]) -> dict[str, Drawings]:
    """By the series' id; `shared` are on other pages too."""
    return {
        series.id: (_kept if series.id in shared else _drawing)(series)
        for figure in figures
        for series in figure.series
        if series.placed
    }


def _drawing(series: Series) -> Drawings:
    return Drawings(Markup(draw(series, WIDE)), Markup(draw(series, NARROW)))


_kept = lru_cache(maxsize=4096)(_drawing)
"""For what two pages show; the others would only push these out."""
