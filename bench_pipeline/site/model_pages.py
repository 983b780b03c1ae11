"""A page for each model."""

from bench_pipeline.site.press import Press
from bench_pipeline.site.run_pages import drawn
from bench_pipeline.site.source import Tables
from bench_pipeline.site.trends_pages import model_sections
from bench_pipeline.site.view import Site


def pages(press: Press, site: Site, tables: Tables) -> dict[str, bytes]:
    made = {}
    trends = model_sections(tables)
    for model in site.models:
        shown = [best.curve for best in model.curves] + [run.scaling for run in model.climbs]
        panels = {key: svg for each in shown for key, svg in drawn(each).items()}
        made[model.href] = press.page(
            "model.html",
            root="../",
            page=model,
            panels=panels,
            trends=trends.get(model.slug, []),
        )
    return made
