"""The front page: each model's best configuration first, then every configuration."""

from bench_pipeline.site.charts.views import chart_view
from bench_pipeline.site.pages.press import Press
from bench_pipeline.site.source import Tables
from bench_pipeline.site.tables.row_data import row_data
from bench_pipeline.site.view import Site


def pages(press: Press, site: Site, tables: Tables) -> dict[str, bytes]:
    charts = chart_view(site.charts, tables)
    data = row_data(() if site.divided else site.rows)
    page = press.page("index.html", site=site, charts=charts, row_data=data)
    return {"index.html": page, **charts.files}
