"""A page for each model and for each of its runs: made together, because they share drawings."""

from collections.abc import Iterable

from bench_pipeline.site.charts.engine import engine_charts
from bench_pipeline.site.models import ModelPage
from bench_pipeline.site.pages import runs
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.pages.trends import model_sections
from bench_pipeline.site.source import Tables
from bench_pipeline.site.trends.engine import MOST_DRAWN, engine_trends


def pages(press: Press, models: Iterable[ModelPage], tables: Tables) -> dict[str, bytes]:
    made: dict[str, bytes] = {}
    trends = model_sections(tables)
    for model in models:
        made |= runs.pages(press, model.runs)
        shown = [best.curve for best in model.curves] + [run.scaling for run in model.climbs]
        panels = {key: svg for each in shown for key, svg in runs.drawn(each).items()}
        made[model.href] = press.page(
            "model.html",
            model.href,
            page=model,
            panels=panels,
            trends=trends.get(model.slug, []),
            bars=engine_charts(model.engine_only, "model"),
            builds=engine_trends(model.engine_only),
            most_builds=MOST_DRAWN,
        )
    return made
