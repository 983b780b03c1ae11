"""Builds against each other: rows of `comparisons`, from the cells and requests in the tables.

A verdict needs both builds in one session. Neighbours in a series that have none are listed all
the same, unjudged, so that a reader sees what was not compared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

from bench_pipeline.measures.comparison import (
    FLOOR,
    JUDGED,
    MIN_TURNS,
    TARGET_HALF_WIDTH,
    half_width,
    ratio_of_turns,
    turns_of,
    verdict,
)
from bench_pipeline.measures.statistics import Ratio
from bench_pipeline.records.cell import Cell, Request, Wave
from bench_pipeline.warehouse.builds.compiled import compile_difference
from bench_pipeline.warehouse.frames import Row, insert_rows, read_rows
from bench_pipeline.warehouse.schema import PLACE, touched

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SERIES = (*PLACE, "system", "workload", "concurrency")
"""What two cells have in common that differ by their build: another driver, kernel or firmware
begins another series."""

DESCRIBES = ("gpu", "family", "variant", "quant")
"""What else a row says of them."""

OF_THE_CELL = ("build_number", "build", "commit", "n", "run_id", "session_id", "started_at")
"""What a row says of each."""

_CELL_COLUMNS = ", ".join(
    f'"{name}"'
    for name in (
        *(*SERIES, *DESCRIBES, *OF_THE_CELL, "system_info"),
        *(f"{metric}{end}" for metric in JUDGED for end in ("", "_lo", "_hi")),
    )
)

_SESSION = ("session_id",)

Series = tuple[Any, ...]
"""Values of SERIES."""

Pair = tuple[Series, str, str, str]
"""Series, metric, build before and after."""


def write_comparisons(
    connection: DuckDBPyConnection, series: Mapping[Series, Sequence[Row]]
) -> None:
    """Makes anew the rows of `comparisons` that touched runs decide: of their sessions, and
    between neighbours at their places, whose `series` are given.
    """
    of_sessions = f"session_id is not null and {touched(connection, 'comparisons', _SESSION)}"
    connection.execute(f"delete from comparisons where {of_sessions}")
    insert_rows(connection, "comparisons", list(_judged(connection)))
    here = touched(connection, "comparisons")
    connection.execute(f"delete from comparisons where session_id is null and {here}")
    judged = {pair_of(row) for row in read_rows(connection, f"from comparisons where {here}")}
    sessions = _sessions(connection)
    rows = [
        _unjudged(before, after, metric, sessions)
        for cells in series.values()
        for metric in JUDGED
        for before, after in neighbours(cells, metric)
        if (series_key(after), metric, before["build"], after["build"]) not in judged
    ]
    insert_rows(connection, "comparisons", rows)


def touched_series(connection: DuckDBPyConnection) -> dict[Series, list[Row]]:
    """The rows of `trend_cells` of each series at a touched place, by the build's number,
    unnumbered ones first; of their columns those that are shown."""
    found: dict[Series, list[Row]] = defaultdict(list)
    for row in read_rows(
        connection,
        f"select {_CELL_COLUMNS} from trend_cells where {touched(connection, 'trend_cells')}"
        " order by build_number nulls first, build, run_id, workload, concurrency",
    ):
        found[series_key(row)].append(row)
    return found


def neighbours(cells: Iterable[Row], metric: str) -> Iterator[tuple[Row, Row]]:
    """Of one series: each numbered build that has the metric, with the one before it."""
    return pairwise(
        row for row in cells if row["build_number"] is not None and row[metric] is not None
    )


def pair_of(row: Row) -> Pair:
    """Of a row of `comparisons`."""
    return series_key(row), row["metric"], row["build_before"], row["build_after"]


def series_key(row: Row) -> Series:
    """Of a cell or of a comparison."""
    return tuple(row[name] for name in SERIES)


def _judged(connection: DuckDBPyConnection) -> Iterator[Row]:
    together: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in read_rows(
        connection,
        'select c.*, s.system, r."commit", r.system_info, r.session_id, r.session_builds,'
        " r.session_blocks"
        " from sound_cells c join runs r using (run_id) join run_systems s using (run_id)"
        f" where r.session_id is not null and {touched(connection, 'r', _SESSION)}"
        " and not doubtful(c.flags) order by r.started_at, r.path",
    ):
        told = row["session_id"], *row["session_builds"], *row["session_blocks"]
        together[told, series_key(row)].append(row)
    measured = _session_cells(connection)
    for (_, series), found in sorted(together.items(), key=lambda item: str(item[0])):
        claims = Counter(row["build"] for row in found)
        # Of two runs that claim a build's blocks one is a guest; nobody can tell which.
        members = [row for row in found if claims[row["build"]] == 1]
        members.sort(key=lambda row: row["session_builds"].index(row["build"]))
        for before, after in combinations(members, 2):
            cells = [measured[row["run_id"], *series[-2:]] for row in (before, after)]
            for metric, judged in JUDGED.items():
                turns = [turns_of(cell, judged.of) for cell in cells]
                ratio = ratio_of_turns(*turns)
                if ratio is not None and before[metric] and after[metric]:
                    said = verdict(ratio, judged.higher_is_better)
                    reason = _reason(ratio, min(map(len, turns))) if said == "undecided" else ""
                    yield _row(before, after, metric, ratio, said, reason, before["session_id"])


def _reason(ratio: Ratio, turns: int) -> str:
    """Why nothing can be said yet."""
    width = half_width(ratio)
    if width is None:
        return f"{turns} of the {MIN_TURNS} turns that an interval needs"
    if width > TARGET_HALF_WIDTH:
        return f"known to ±{width:.1%} only, ±{TARGET_HALF_WIDTH:.0%} are needed"
    return f"the ratio lies beyond {FLOOR:.0%}, its interval not wholly"


def _unjudged(
    before: Row, after: Row, metric: str, sessions: Mapping[str, Sequence[tuple[Series, str]]]
) -> Row:
    there = series_key(before)[:-2]
    shared = any(
        {(there, before["build"]), (there, after["build"])} <= set(members)
        for members in sessions.values()
    )
    reason = (
        "their session has no sound figures of both"
        if shared
        else "they were measured in different sessions"
    )
    ratio = Ratio(after[metric] / before[metric], None, None, before["n"], after["n"])
    return _row(before, after, metric, ratio, "unjudged", reason, None)


def _row(
    before: Row,
    after: Row,
    metric: str,
    ratio: Ratio,
    said: str,
    reason: str,
    session_id: str | None,
) -> Row:
    difference = compile_difference(
        before["build"], before["system_info"], after["build"], after["system_info"]
    )
    starts = [row["started_at"] for row in (before, after) if row["started_at"]]
    return {
        **{name: after[name] for name in (*SERIES, *DESCRIBES)},
        "metric": metric,
        "build_before": before["build"],
        "build_after": after["build"],
        "number_before": before["build_number"],
        "number_after": after["build_number"],
        "commit_before": before["commit"],
        "commit_after": after["commit"],
        "run_before": before["run_id"],
        "run_after": after["run_id"],
        "session_id": session_id,
        "value_before": before[metric],
        "value_after": after[metric],
        "n_before": ratio.n_before,
        "n_after": ratio.n_after,
        "ratio": ratio.ratio,
        "ratio_lo": ratio.lo,
        "ratio_hi": ratio.hi,
        "verdict": said,
        "reason": reason,
        "compiled_differently": None if difference is None else difference != "",
        "compile_difference": difference,
        "started_at": max(starts, default=None),
    }


def _sessions(connection: DuckDBPyConnection) -> dict[str, list[tuple[Series, str]]]:
    """What was measured in each, failed or not: all of a series but the cell, and the build."""
    found = defaultdict(list)
    query = (
        "select * from runs join run_systems using (run_id)"
        f" where session_id is not null and {touched(connection, 'runs')}"
    )
    for row in read_rows(connection, query):
        found[row["session_id"]].append((tuple(row[n] for n in SERIES[:-2]), row["build"]))
    return found


def _session_cells(connection: DuckDBPyConnection) -> dict[tuple[str, str, int], Cell]:
    """Every cell of every touched session, by run, workload and concurrency, with what turns need.

    From the tables, as reading the run files again takes long. They are valid already, so the
    records are constructed without being validated.
    """
    of_sessions = (
        "run_id in (select run_id from runs where session_id is not null and"
        f" {touched(connection, 'runs', _SESSION)})"
    )
    requests, waves = defaultdict(list), defaultdict(list)
    for row in read_rows(connection, f"select * from requests where {of_sessions} and not warmup"):
        known = {name: row[name] for name in Request.model_fields}
        requests[_place(row)].append(Request.model_construct(**known))
    for row in read_rows(connection, f"select * from waves where {of_sessions}"):
        known = {name: row[name] for name in Wave.model_fields}
        waves[_place(row)].append(Wave.model_construct(**known))
    return {
        (run_id, workload, concurrency): Cell.model_construct(
            workload=workload,
            concurrency=concurrency,
            requests=requests[run_id, workload, concurrency],
            waves=of_cell,
        )
        for (run_id, workload, concurrency), of_cell in waves.items()
    }


def _place(row: Row) -> tuple[str, str, int]:
    return row["run_id"], row["workload"], row["concurrency"]
