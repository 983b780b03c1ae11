"""When the trends of a rig and backend weigh too much for one page."""

from collections.abc import Mapping

from bench_pipeline.site.trends.words import METRICS

CELLS_ON_ONE_PAGE, POINTS_ON_ONE_PAGE = 24, 500
"""A place with more cells, or more builds of them, has a page for each of its models, and its own
page keeps the newest changes and a list of the models. 24 cells with three metrics and builds
weigh about 50 KB gzipped, 500 points about 90."""


def too_much_for_one_page(builds: Mapping[tuple[object, str], int]) -> bool:
    """`builds` of a place: their number by cell and metric."""
    shown = {
        series: count for series, count in builds.items() if count > 1 and series[1] in METRICS
    }
    cells = {cell for cell, _ in shown}
    return len(cells) > CELLS_ON_ONE_PAGE or sum(shown.values()) > POINTS_ON_ONE_PAGE
