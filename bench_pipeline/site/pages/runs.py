"""A page for each run."""

from collections.abc import Iterable
from functools import lru_cache, partial

from markupsafe import Markup

from bench_pipeline.site.charts import conversations, curves, scaling
from bench_pipeline.site.charts.conversations import Conversation
from bench_pipeline.site.charts.curves import Curve
from bench_pipeline.site.charts.scaling import Scaling
from bench_pipeline.site.earlier import Earlier
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.runs import conditions, samples
from bench_pipeline.site.runs.view import RunPage


def pages(press: Press, runs: Iterable[RunPage], earlier: Earlier) -> dict[str, bytes]:
    return {
        run.href: earlier.or_made(run.href, (press.owner, run), partial(_page, press, run))
        for run in runs
    }


def _page(press: Press, run: RunPage) -> bytes:
    strips = (
        {strip.id: Markup(samples.draw(strip, run.samples)) for strip in run.samples.strips}
        if run.samples
        else {}
    )
    return press.page(
        "run.html",
        run.href,
        page=run,
        strips=strips,
        panels=_all_drawn(run),
        turn_columns=conversations.COLUMNS,
        holds=conditions.HOLDS,
        moments=conditions.MOMENTS,
    )


def _all_drawn(run: RunPage) -> dict[str, Markup]:
    found = drawn(run.curve) | drawn(run.scaling)
    for told in run.conversations:
        found |= drawn(told)
    return found


def drawn(shown: Curve | Scaling | Conversation | None) -> dict[str, Markup]:
    """Its panels by id."""
    return {panel.id: _drawn(panel) for panel in shown.panels} if shown else {}


@lru_cache(maxsize=256)
def _drawn(panel: curves.Panel | scaling.Panel | conversations.Panel) -> Markup:
    """Kept, because a model's page shows the same panels as its best runs'."""
    if isinstance(panel, scaling.Panel):
        return Markup(scaling.draw(panel))
    if isinstance(panel, conversations.Panel):
        return Markup(conversations.draw(panel))
    return Markup(curves.draw(panel))
