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
        panels = {key: svg for best in model.curves for key, svg in drawn(best.curve).items()}
        made[model.href] = press.page(
            "model.html",
            root="../",
            page=model,
            panels=panels,
            trends=trends.get(model.slug, []),
        )
    return made
