"""Trends of one place, made of the rows that are read for it alone."""

from dataclasses import replace

from bench_pipeline.site.source import read_tables
from bench_pipeline.site.tables.around import around_of
from bench_pipeline.site.trends.maker import trends_of
from bench_pipeline.warehouse.store import Warehouse
from tests.site.conftest import Made


def test_the_trends_of_a_place_are_those_of_the_whole_warehouse(made: Made):
    whole = trends_of(made.tables)
    assert any(model.figures for trend in whole for model in trend.models)
    assert any(not model.figures for trend in whole for model in trend.models)
    wanted = ("rigs", "workloads", "build_trends", "comparisons")
    with Warehouse(made.project.warehouse).read() as connection:
        for trend in whole:
            place = trend.rig, trend.backend
            divided = frozenset({place} if trend.divided else ())
            tables = read_tables(
                connection,
                made.project.warehouse,
                wanted,
                place=place,
                around=replace(around_of(()), divided_trends=divided),
            )
            assert trends_of(tables) == (trend,)
