"""All rules, and what they say of a run. `RULES` is the table that a checker prints."""

from bench_pipeline.plausibility.machine import MACHINE_CELL_RULES, MACHINE_RULES
from bench_pipeline.plausibility.parts import PARTS_RULES
from bench_pipeline.plausibility.requests import REQUEST_RULES
from bench_pipeline.plausibility.rule import CellRule, Consequence, Facts, RunRule
from bench_pipeline.plausibility.runs import PLACE_RULES, RUN_RULES
from bench_pipeline.records.cell import Cell
from bench_pipeline.records.run import Run

CELL_RULES: tuple[CellRule, ...] = REQUEST_RULES + PLACE_RULES + MACHINE_CELL_RULES
WHOLE_RUN_RULES: tuple[RunRule, ...] = RUN_RULES + MACHINE_RULES + PARTS_RULES
RULES: tuple[CellRule | RunRule, ...] = WHOLE_RUN_RULES + CELL_RULES


def why_refused(run: Run, facts: Facts) -> str | None:
    """What makes the file unfit to be read at all, whoever measured."""
    found = (rule.doubt(run, facts) for rule in WHOLE_RUN_RULES if rule.consequence == "refused")
    return next((doubt for doubt in found if doubt), None)


def doubts_of_run(
    run: Run, facts: Facts | None = None, consequence: Consequence = "marked"
) -> list[str]:
    """Of a measured run as a whole, a sentence each; without `facts`, by the file alone."""
    if run.provenance != "measured":
        return []
    found = (rule.doubt(run, facts) for rule in WHOLE_RUN_RULES if rule.consequence == consequence)
    return [doubt for doubt in found if doubt]


def doubts_of_cell(run: Run, cell: Cell, consequence: Consequence = "marked") -> list[str]:
    """Of a measured cell that is `ok`, a sentence each."""
    if run.provenance != "measured" or cell.status != "ok":
        return []
    found = (rule.doubt(run, cell) for rule in CELL_RULES if rule.consequence == consequence)
    return [doubt for doubt in found if doubt]
