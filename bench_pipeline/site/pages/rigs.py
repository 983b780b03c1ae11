"""A page for each rig, pages for its runs where they are many, and the one that leads to them."""

from collections.abc import Sequence

from bench_pipeline.site.charts.engine import engine_charts
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.rigs.view import RigLine, RigPage
from bench_pipeline.site.trends.engine import MOST_DRAWN, engine_trends


def index(press: Press, rigs: Sequence[RigLine]) -> dict[str, bytes]:
    return {"rigs.html": press.page("rigs.html", rigs=rigs)}


def pages(press: Press, rig: RigPage) -> dict[str, bytes]:
    """Its pages of runs lead each to the one before and the one after it."""
    made = {
        rig.href: press.page(
            "rig.html",
            rig.href,
            page=rig,
            bars=engine_charts(rig.engine_only, "rig"),
            builds=engine_trends(rig.engine_only),
            most_builds=MOST_DRAWN,
        )
    }
    newest_first = (None, *rig.periods, None)
    return made | {
        period.href: press.page(
            "rig_runs.html", period.href, page=rig, period=period, later=later, earlier=earlier
        )
        for later, period, earlier in zip(
            newest_first, newest_first[1:], newest_first[2:], strict=False
        )
        if period
    }
