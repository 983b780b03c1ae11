"""A page for each family, once there are too many rows for the front page."""

from bench_pipeline.site.choices import filters
from bench_pipeline.site.press import Press
from bench_pipeline.site.row_data import row_data
from bench_pipeline.site.source import Tables
from bench_pipeline.site.view import Site


def pages(press: Press, site: Site, tables: Tables) -> dict[str, bytes]:
    """None while the front page holds all rows."""
    if not site.divided:
        return {}
    return {
        family.href: press.page(
            "family.html",
            root="../",
            family=family,
            filters=filters(family.rows, tables),
            row_data=row_data(family.rows),
        )
        for family in site.families
    }
