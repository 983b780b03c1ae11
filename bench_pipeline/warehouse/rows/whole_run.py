"""One run as the rows of the tables that it fills; those of samples, which are most, as columns."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

from bench_pipeline.measures.drift import drift_of
from bench_pipeline.plausibility.judging import doubts_of_cell, doubts_of_run
from bench_pipeline.plausibility.rule import Facts
from bench_pipeline.records.base import Record
from bench_pipeline.records.cell import Cell, Request, Telemetry, Wave
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.run import Run
from bench_pipeline.warehouse.frames import Row, Values
from bench_pipeline.warehouse.rows.conversations import conversation_rows
from bench_pipeline.warehouse.rows.device import device_of
from bench_pipeline.warehouse.rows.figures import (
    bare_row,
    curve_row,
    figures_of_cells,
    measurement_row,
    wave_speeds,
)
from bench_pipeline.warehouse.rows.runs import run_row, server_rows

_NAMES = ("family", "variant", "quant", "creator", "released", "licence")


def rows_of(run: Run, path: str, facts: Facts | None = None) -> dict[str, list[Row]]:
    """Rows by table, of all that a run fills, but for those of `samples_of`. `path` is relative to
    the project. A model that stands in the catalogue has its names there, whatever the file calls
    it."""
    rows: dict[str, list[Row]] = defaultdict(list)
    device, drift = device_of(run), drift_of(run)
    of_run = doubts_of_run(run, facts)
    doubts = [f"Not plausible: {doubt}." for doubt in of_run]
    known = facts.catalogue.get(run.model.slug) if facts else None
    if known and run.provenance != "published":
        doubts += _renamed(run, known)
        run = _as_catalogued(run, known)
    for cell, figures in zip(run.cells, figures_of_cells(run.cells), strict=True):
        place = {
            "run_id": run.run_id,
            "workload": cell.workload,
            "concurrency": cell.concurrency,
        }
        rows["wave_speeds"] += [{**place, **speed} for speed in wave_speeds(cell)]
        of_cell = doubts_of_cell(run, cell)
        where = f"{cell.workload} at {cell.concurrency}"
        doubts += [f"Not plausible in {where}: {doubt}." for doubt in of_cell]
        rows["measurements"].append(
            measurement_row(run, cell, figures, device, drift, doubted=bool(of_run or of_cell))
        )
    rows["curve_points"] = [curve_row(run, point, device) for point in run.curves]
    rows["bare_tests"] = [
        bare_row(run, test, device) for test in (run.bare_engine.tests if run.bare_engine else [])
    ]
    rows["conversations"], rows["conversation_turns"] = conversation_rows(run, device)
    rows["servers"] = server_rows(run)
    row = run_row(run, path, device, drift, _aggregates(rows["measurements"]))
    rows["runs"] = [{**row, "unknown": [*run.unknown, *doubts]}]
    return rows


def samples_of(run: Run) -> dict[str, Values]:
    """What stands in a table as it stands in the file: requests, waves and telemetry of its cells;
    of a table without rows nothing."""
    requests = [
        (cell, warmup, of_cell)
        for cell in run.cells
        for warmup, of_cell in ((True, cell.warmups), (False, cell.requests))
    ]
    found = {
        "requests": _samples(run, Request, [(cell, part) for cell, _, part in requests]),
        "waves": _samples(run, Wave, [(cell, cell.waves) for cell in run.cells]),
        "telemetry": _samples(run, Telemetry, [(cell, cell.telemetry) for cell in run.cells]),
    }
    found["requests"]["warmup"] = [warmup for _, warmup, part in requests for _ in part]
    return {table: columns for table, columns in found.items() if columns["run_id"]}


def _samples(
    run: Run, kind: type[Record], parts: Sequence[tuple[Cell, Sequence[Record]]]
) -> dict[str, list[Any]]:
    names = tuple(kind.model_fields)
    lines = map(itemgetter(*names), map(vars, chain.from_iterable(part for _, part in parts)))
    columns = dict(zip(names, map(list, zip(*lines, strict=True)), strict=False))
    return {
        "run_id": [run.run_id for _, part in parts for _ in part],
        "workload": [cell.workload for cell, part in parts for _ in part],
        "concurrency": [cell.concurrency for cell, part in parts for _ in part],
        **columns,
    }


def _as_catalogued(run: Run, known: ModelFile) -> Run:
    names = {name: getattr(known, name) for name in _NAMES}
    return run.model_copy(update={"model": run.model.model_copy(update=names)})


def _renamed(run: Run, known: ModelFile) -> list[str]:
    theirs, ours = (f"{m.family} {m.variant} {m.quant}" for m in (run.model, known))
    if theirs == ours:
        return []
    return [f"The file calls the model {theirs}; it is shown by its name in content/models/."]


def _aggregates(measurements: Iterable[Row]) -> dict[int, dict[str, float]]:
    """As `measures.knee.aggregates`, from figures that are made already."""
    found: dict[int, dict[str, float]] = defaultdict(dict)
    for row in measurements:
        if row["aggregate_tok_s"] is not None:
            found[row["concurrency"]][row["workload"]] = row["aggregate_tok_s"]
    return dict(found)
