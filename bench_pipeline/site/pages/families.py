"""A page for each family, once there are too many rows for the front page."""

from collections.abc import Iterable

from bench_pipeline.site.charts.configurations import ChartMaker
from bench_pipeline.site.charts.views import chart_view
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.source import Tables
from bench_pipeline.site.tables.filters import filters
from bench_pipeline.site.tables.row_data import row_data
from bench_pipeline.site.tables.rows import TableRow, families


def pages(press: Press, rows: Iterable[TableRow], tables: Tables) -> dict[str, bytes]:
    """`rows`: all that there are of their families."""
    made: dict[str, bytes] = {}
    maker = ChartMaker(tables)
    for family in families(rows):
        charts = chart_view(
            maker.charts(family.rows),
            tables,
            name=f"charts-{family.slug}",
            each_workload=False,
        )
        made[family.href] = press.page(
            "family.html",
            family.href,
            family=family,
            filters=filters(family.rows, tables),
            row_data=row_data(family.rows),
            charts=charts,
        )
        made |= charts.files
    return made
