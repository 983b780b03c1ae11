"""A page for each model and for each of its runs: made together, because they share drawings."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

from bench_pipeline.site.charts.engine import engine_charts
from bench_pipeline.site.earlier import Earlier
from bench_pipeline.site.models import ModelPage
from bench_pipeline.site.pages import runs
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.pages.trends import ModelSection, model_sections
from bench_pipeline.site.source import Tables
from bench_pipeline.site.trends.engine import MOST_DRAWN, engine_trends


def pages(
    press: Press, models: Iterable[ModelPage], tables: Tables, earlier: Earlier
) -> dict[str, bytes]:
    made: dict[str, bytes] = {}
    trends = model_sections(tables)
    for model in models:
        made |= runs.pages(press, model.runs, earlier)
        sections = trends.get(model.slug, [])
        # what a run's page is made of is hashed already
        of_runs = [earlier.made_of[run.href] for run in model.runs]
        made_of = press.owner, replace(model, runs=()), of_runs, sections
        made[model.href] = earlier.or_made(
            model.href, made_of, partial(_page, press, model, sections)
        )
    return made


def _page(press: Press, model: ModelPage, trends: Sequence[ModelSection]) -> bytes:
    shown = [best.curve for best in model.curves] + [run.scaling for run in model.climbs]
    return press.page(
        "model.html",
        model.href,
        page=model,
        panels={key: svg for each in shown for key, svg in runs.drawn(each).items()},
        trends=trends,
        bars=engine_charts(model.engine_only, "model"),
        builds=engine_trends(model.engine_only),
        most_builds=MOST_DRAWN,
    )
