"""Markdown that a person reads in the UI beside a materialization."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench_pipeline.records.cell import Cell
from bench_pipeline.records.inventory import Gpu, Inventory
from bench_pipeline.records.run import Run
from bench_pipeline.site import wording
from bench_pipeline.site.hardware import listed_gpus

if TYPE_CHECKING:
    from bench_pipeline.measures.statistics import Estimate

INTERVAL_HEADING = "95\u00a0%"
SPEED_HEADINGS = (
    "workload",
    "streams",
    "decode tok/s",
    INTERVAL_HEADING,
    "prefill tok/s",
    "aggregate tok/s",
    "TTFT ms",
    "n",
)


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; None becomes a dash, and a `|` in a cell is escaped."""

    def line(cells: Sequence[object]) -> str:
        texts = [wording.MISSING if cell is None else str(cell) for cell in cells]
        return f"| {' | '.join(text.replace('|', chr(92) + '|') for text in texts)} |"

    return "\n".join([line(headings), line(["---"] * len(headings)), *map(line, rows)])


def model_name(run: Run) -> str:
    return f"{run.model.family} {run.model.variant} {run.model.quant}"


def speed_rows(run: Run) -> list[tuple[str, ...]]:
    """One row a cell, under `SPEED_HEADINGS`; what failed says so."""
    rows = [_cell(cell) for cell in run.cells]
    if run.failure is not None:
        rows.append(_failed(wording.MISSING, wording.MISSING, run.failure.kind))
    return rows


def speeds_table(runs: Iterable[Run]) -> str:
    """A heading and a table for each run; no cell is broken into lines."""
    unbroken = str.maketrans({" ": "\u00a0", wording.DASH: f"\u2060{wording.DASH}\u2060"})
    return "\n\n".join(
        f"**{model_name(run)}** on {run.engine.asked_as}, {run.profile}\n\n"
        + markdown_table(
            SPEED_HEADINGS, [[text.translate(unbroken) for text in row] for row in speed_rows(run)]
        )
        for run in runs
    )


def speed_floats(runs: Iterable[Run]) -> dict[str, float]:
    """Decode tok/s of one stream, a figure a model and workload: the UI draws its history."""
    from bench_pipeline.measures.cells import figures_of  # numpy: 0.1 s

    found: dict[str, float] = {}
    for run in runs:
        mode = "" if run.mode == "baseline" else f", {run.mode}"
        for cell in run.cells:
            decode = figures_of(cell).decode_tok_s if cell.failure is None else None
            if cell.concurrency == 1 and decode is not None:
                name = f"tok/s, {model_name(run)}{mode}: {cell.workload}"
                found.setdefault(name, round(float(decode.median), 3))
    return found


def file_uri(path: Path) -> str:
    return path.absolute().as_uri()


def _cell(cell: Cell) -> tuple[str, ...]:
    if cell.failure is not None:
        return _failed(cell.workload, str(cell.concurrency), cell.failure.kind)
    from bench_pipeline.measures.cells import figures_of  # numpy: 0.1 s

    figures = figures_of(cell)

    def median(estimate: "Estimate | None") -> str:
        return wording.decimal(estimate.median if estimate else None)

    decode = figures.decode_tok_s
    interval = wording.span(decode.lo, decode.hi) if decode else ""
    if figures.clocks_agree is False:
        interval = "not listed: clocks disagree"
    elif figures.delivered_on_time is False:
        interval = "not listed: tokens came late"
    outliers = wording.counted(figures.outliers, "outlier") if figures.outliers else ""
    return (
        cell.workload,
        str(cell.concurrency),
        median(decode),
        interval,
        median(figures.prefill_tok_s),
        median(figures.aggregate_tok_s),
        median(figures.ttft_ms),
        ", ".join(filter(None, (str(figures.n), outliers))),
    )


def _failed(workload: str, streams: str, kind: str) -> tuple[str, ...]:
    return (workload, streams, wording.failure(kind), "", "", "", "", "")


def hardware_card(inventory: Inventory) -> str:
    """What the rig is, one row a fact; what is not known is left out, what failed is told."""
    cpu, memory = inventory.cpu, inventory.memory
    cores = f", {cpu.physical_cores} cores" if cpu.physical_cores else ""
    facts: list[tuple[str, str | None]] = [
        ("CPU", f"{cpu.model}{cores}"),
        ("Memory", wording.gib(memory.total_mib) if memory.total_mib else "unknown"),
        ("System", " · ".join(filter(None, [inventory.os.name, inventory.os.kernel]))),
        ("Virtual machine on", cpu.hypervisor),
        *((f"GPU {gpu.index}", _gpu(gpu)) for gpu in inventory.named_gpus()),
    ]
    listed = listed_gpus(inventory)
    facts += [("GPU", f"{device.name}, as the engine lists it") for device in listed]
    if not inventory.gpus and not listed:
        facts.append(("GPU", "none that a driver here tells of"))
    table = markdown_table(("", ""), [fact for fact in facts if fact[1]])
    gaps = "".join(f"\n- {gap}" for gap in inventory.gaps)
    return table + (f"\n\nNot known:\n{gaps}" if gaps else "")


def _gpu(gpu: Gpu) -> str:
    return " · ".join(
        filter(
            None,
            [
                gpu.name,
                wording.gib(gpu.memory_mib) if gpu.memory_mib else None,
                f"{wording.trimmed(gpu.power_cap_w)} W cap" if gpu.power_cap_w else None,
                wording.driver(gpu.driver) if gpu.driver else None,
            ],
        )
    )
