"""A page for each model."""

from markupsafe import Markup

from bench_pipeline.site import curves
from bench_pipeline.site.press import Press
from bench_pipeline.site.source import Tables
from bench_pipeline.site.view import Site


def pages(press: Press, site: Site, tables: Tables) -> dict[str, bytes]:
    made = {}
    for model in site.models:
        panels = {
            panel.id: Markup(curves.draw(panel))
            for run in model.runs
            if run.curve
            for panel in run.curve.panels
        }
        made[model.href] = press.page("model.html", root="../", page=model, panels=panels)
    return made
