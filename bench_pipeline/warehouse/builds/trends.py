"""Each series of builds as rows of `build_trends`: what each measured, and what changed with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from bench_pipeline.measures.comparison import JUDGED
from bench_pipeline.measures.statistics import Ratio
from bench_pipeline.measures.steps import flagged
from bench_pipeline.warehouse.builds.comparisons import (
    DESCRIBES,
    OF_THE_CELL,
    SERIES,
    Pair,
    Series,
    neighbours,
    pair_of,
    series_key,
)
from bench_pipeline.warehouse.frames import Row, insert_rows, read_rows
from bench_pipeline.warehouse.schema import touched

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_OF_THE_COMPARISON = ("ratio", "ratio_lo", "ratio_hi", "verdict", "compile_difference")


def write_trends(connection: DuckDBPyConnection, series: Mapping[Series, Sequence[Row]]) -> None:
    """Makes anew the rows of `build_trends` at the places of touched runs, whose `series` are
    given. `comparisons` must be up to date."""
    newest = {
        pair_of(row): row
        for row in read_rows(
            connection,
            f"from comparisons where {touched(connection, 'comparisons')}"
            " order by started_at nulls first, session_id",
        )
    }
    rows = [
        row
        for cells in series.values()
        for metric in JUDGED
        for row in _points(cells, metric, newest)
    ]
    connection.execute(f"delete from build_trends where {touched(connection, 'build_trends')}")
    insert_rows(connection, "build_trends", rows)


def _points(cells: Sequence[Row], metric: str, newest: Mapping[Pair, Row]) -> Iterator[Row]:
    before = {after["run_id"]: cell for cell, after in neighbours(cells, metric)}
    measured = [cell for cell in cells if cell[metric] is not None]
    compared = [
        newest[series_key(cell), metric, before[cell["run_id"]]["build"], cell["build"]]
        if cell["run_id"] in before
        else None
        for cell in measured
    ]
    steps = flagged([_ratio(row) for row in compared])
    for cell, comparison, is_step in zip(measured, compared, steps, strict=True):
        yield {
            **{name: cell[name] for name in (*SERIES, *DESCRIBES, *OF_THE_CELL)},
            "metric": metric,
            "value": cell[metric],
            "lo": cell[f"{metric}_lo"],
            "hi": cell[f"{metric}_hi"],
            "system_info": cell["system_info"],
            "previous_build": comparison["build_before"] if comparison else None,
            **{name: comparison[name] if comparison else None for name in _OF_THE_COMPARISON},
            "flagged": is_step,
        }


def _ratio(row: Row | None) -> Ratio | None:
    if row is None:
        return None
    return Ratio(row["ratio"], row["ratio_lo"], row["ratio_hi"], row["n_before"], row["n_after"])
