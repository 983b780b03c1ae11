"""What disturbed a measurement without making it false: said wherever its figures go.

What makes it false (a failure, spilled memory, clocks that disagree, tokens that came late)
keeps it out of every range instead: `sql/chosen_cells.sql`.
"""

from bench_pipeline.harness.quiet import busy_limit
from bench_pipeline.measures.cells import clocks
from bench_pipeline.measures.drift import Drift
from bench_pipeline.measures.queueing import queues
from bench_pipeline.records.cell import Cell
from bench_pipeline.records.run import Run

USUAL_THROTTLING = {"power-cap"}
"""A card at its cap is what the cap is for, and the cap is told beside every figure. Heat, a
power brake or a fault of the supply are accidents of that hour."""


def flags_of(
    run: Run, cell: Cell, drift: Drift | None, within: Drift | None, *, doubted: bool
) -> list[str]:
    """`drift` over the run, `within` this cell.

    `busy-host` (never became quiet before the start), `others-cpu` (other programs used as much
    within the window as would have been waited for before), `throttled`, `drifted` (the run),
    `drifted-within` (the cell itself), `unverified` (memory), `implausible` (what
    `plausibility.judging.RULES` doubt; `doubted`: the run as a whole), `one-clock` (the engine has
    none beside which ours could be held, nor counters), `own-length` (replies ended where the model
    ended them, not after as many tokens as were asked for), `queued` (a published one's, by
    `measures.queueing`). `disputed` comes and goes with other runs, `stranger` with what
    content/ says: `warehouse.disputes`.
    """
    flags = []
    if run.host_load and run.host_load.quiet is False:
        flags.append("busy-host")
    if cell.others_cpu_fraction is not None and cell.others_cpu_fraction > busy_limit(
        run.plain_backend
    ):
        flags.append("others-cpu")
    if any(set(part.throttle_reasons or ()) - USUAL_THROTTLING for part in cell.telemetry):
        flags.append("throttled")
    if drift and drift.drifted:
        flags.append("drifted")
    if within and within.drifted:
        flags.append("drifted-within")
    memory = run.servers[cell.server].memory if cell.server is not None else None
    if memory and memory.verdict == "unverified":
        flags.append("unverified")
    if doubted:
        flags.append("implausible")
    if not run.engine.tells("own_clock") and clocks(cell) == 1:
        flags.append("one-clock")
    if any(request.output_tokens != cell.output_tokens_budget for request in cell.requests) and (
        not run.engine.tells("fixed_length")
    ):
        flags.append("own-length")
    if cell.published and _queued(run, cell):
        flags.append("queued")
    return flags


def _queued(run: Run, cell: Cell) -> bool:
    """Whether what its page prints beside it shows so."""
    figures = run.printed.figures if run.printed else ()
    return any(
        (label, queue.many.streams) == (cell.workload, cell.concurrency)
        for label, queue in queues(figures, run.cells)
    )
