"""A page for each rig, and the one that leads to them."""

from bench_pipeline.site.press import Press
from bench_pipeline.site.rig_view import rig_pages
from bench_pipeline.site.source import Tables
from bench_pipeline.site.view import Site


def pages(press: Press, site: Site, tables: Tables) -> dict[str, bytes]:
    rigs = rig_pages(tables, [run for model in site.models for run in model.runs])
    made = {rig.href: press.page("rig.html", root="../", page=rig) for rig in rigs}
    made["rigs.html"] = press.page("rigs.html", rigs=rigs)
    return made
