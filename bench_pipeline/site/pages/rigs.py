"""A page for each rig, pages for its runs where they are many, and the one that leads to them."""

from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.rigs.view import RigPage, rig_pages
from bench_pipeline.site.source import Tables
from bench_pipeline.site.view import Site


def pages(press: Press, site: Site, tables: Tables) -> dict[str, bytes]:
    rigs = rig_pages(tables, [run for model in site.models for run in model.runs])
    made = {"rigs.html": press.page("rigs.html", rigs=rigs)}
    for rig in rigs:
        made[rig.href] = press.page("rig.html", root="../", page=rig)
        made |= _periods(press, rig)
    return made


def _periods(press: Press, rig: RigPage) -> dict[str, bytes]:
    """Each leads to the one before and the one after it."""
    newest_first = (None, *rig.periods, None)
    return {
        period.href: press.page(
            "rig_runs.html", root="../../", page=rig, period=period, later=later, earlier=earlier
        )
        for later, period, earlier in zip(
            newest_first, newest_first[1:], newest_first[2:], strict=False
        )
        if period
    }
