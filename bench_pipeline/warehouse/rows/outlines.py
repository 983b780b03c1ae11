"""Measured runs as a plan looks at them, made of the tables."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from bench_pipeline.records.base import Record
from bench_pipeline.records.cell import Cell, CurvePoint, Failure
from bench_pipeline.records.devices import PowerCap
from bench_pipeline.records.run import DepthLeftOut, Engine, Ladder, Model, Run, Session
from bench_pipeline.records.workload import Trace
from bench_pipeline.warehouse.frames import Row, read_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

R = TypeVar("R", bound=Record)

ASKED = ("rig", "backend", "mode", "model_sha256")
"""What a run has in common with every item that it satisfies, in columns of the same name. Its
build it has too, by the name under which it is asked for."""


def asked_of(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ASKED)


def outlines(connection: DuckDBPyConnection) -> dict[tuple[Any, ...], list[Run]]:
    """Measured runs that campaigns may ask for, by `ASKED`, with what a plan looks at and nothing
    else: no requests, no figures.

    Made from the tables, because reading a thousand run files again takes half a minute. They
    are valid already, so they are constructed without being validated.
    """
    connection.execute(
        "create or replace temp view asked_runs as select * from runs where provenance = 'measured'"
        " and run_id not in"
        " (select run_id from measurements where doubtful(flags))"
        f" and ({', '.join(ASKED)}) in (select ({', '.join(ASKED)}) from campaign_items)"
    )
    cells = defaultdict(list)
    for row in read_rows(
        connection,
        "select run_id, workload, concurrency, failure_kind, failure_message from measurements"
        " where run_id in (select run_id from asked_runs)",
    ):
        kind, message = row["failure_kind"], row["failure_message"]
        failure = Failure(kind=kind, message=message) if kind else None
        place = {"workload": row["workload"], "concurrency": row["concurrency"]}
        cell = unchecked(Cell, **place, failure=failure)
        cells[row["run_id"]].append(cell)
    points = _failing(connection, CurvePoint, "curve_points", "depth_tokens")
    traces = _failing(connection, Trace, "conversations", "conversation")
    found = defaultdict(list)
    for row in read_rows(
        connection,
        "select run_id, rig, backend, mode, profile, parts, depths_left_out_json,"
        " engine, build, model_sha256, ladder,"
        " ladder_ended, failure_kind, failure_message, session_id, session_builds, session_blocks,"
        " session_ended, asked_workloads, asked_cap_w from asked_runs order by run_id",
    ):
        more: dict[str, list[Any]] = {
            "curves": points[row["run_id"]],
            "conversations": traces[row["run_id"]],
        }
        found[asked_of(row)].append(_outline(row, cells[row["run_id"]], more))
    return found


def _failing(
    connection: DuckDBPyConnection, record: type[R], table: str, key: str
) -> dict[str, list[R]]:
    """The asked runs' points or conversations by run, with their failures."""
    found = defaultdict(list)
    for row in read_rows(
        connection,
        f"select run_id, {key}, failure_kind, failure_message from {table}"
        " where run_id in (select run_id from asked_runs)",
    ):
        kind, message = row["failure_kind"], row["failure_message"]
        failure = Failure(kind=kind, message=message) if kind else None
        found[row["run_id"]].append(unchecked(record, **{key: row[key]}, failure=failure))
    return found


def _outline(run: Row, cells: list[Cell], more: Mapping[str, list[Any]]) -> Run:
    left_out = json.loads(run["depths_left_out_json"])
    ladder = failure = session = None
    cap_w = run["asked_cap_w"]
    if run["ladder_ended"]:
        ladder = Ladder(concurrencies=run["ladder"], ended=run["ladder_ended"])
    if run["failure_kind"]:
        failure = Failure(kind=run["failure_kind"], message=run["failure_message"])
    if run["session_id"]:
        session = unchecked(
            Session,
            session_id=run["session_id"],
            builds=run["session_builds"],
            blocks=run["session_blocks"],
            ended=run["session_ended"],
        )
    return unchecked(
        Run,
        run_id=run["run_id"],
        provenance="measured",
        rig=run["rig"],
        backend=run["backend"],
        mode=run["mode"],
        profile=run["profile"],
        parts=run["parts"],
        depths_left_out=[DepthLeftOut(**each) for each in left_out],
        **more,
        engine=Engine(name=run["engine"], build=run["build"]),
        model=unchecked(Model, sha256=run["model_sha256"]),
        asked_workloads=run["asked_workloads"],
        power_cap=unchecked(PowerCap, asked_w=cap_w) if cap_w is not None else None,
        ladder=ladder,
        failure=failure,
        session=session,
        cells=cells,
    )


def unchecked(record: type[R], **known: Any) -> R:
    return record.model_construct(**known)  # type: ignore[return-value]  # the plugin says Record
