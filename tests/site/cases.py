"""Runs of many tests in one refresh, each test's of a model that no other's are of."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench_pipeline.records.cell import Cell
from bench_pipeline.records.run import Model, Run
from bench_pipeline.site.runs.cells import CellRow
from bench_pipeline.site.runs.view import RunPage
from bench_pipeline.site.tables.rows import TableRow, model_href
from tests.factories import SMOLLM2
from tests.site.conftest import make

Case = Callable[[Model], list[Run]]


@dataclass(frozen=True)
class Shown:
    """What the pages say of one case."""

    runs: tuple[RunPage, ...]
    """Newest first."""
    rows: tuple[TableRow, ...]

    @property
    def run(self) -> RunPage:
        (run,) = self.runs
        return run

    @property
    def cell(self) -> CellRow:
        (cell,) = self.run.cells
        return cell

    def finding(self, label: str) -> str | None:
        return dict(self.run.findings).get(label)


def with_times_of_its_own(run: Run, number: int) -> Run:
    """By less than any judgement sees: else it would pass for a copy of another case's run."""

    def shifted(cell: Cell) -> Cell:
        requests = [
            each.model_copy(
                update={"server_decode_ms": each.server_decode_ms * (1 + 1e-5 * number)}
            )
            for each in cell.requests
        ]
        return cell.model_copy(update={"requests": requests})

    closing = run.closing and shifted(run.closing)
    return run.model_copy(update={"cells": [*map(shifted, run.cells)], "closing": closing})


class Cases:
    """Those of one file of tests."""

    def __init__(self) -> None:
        self._cases: list[Case] = []

    def of_its_own(self, case: Case) -> Case:
        """A decorator: what it marks is called with the model."""
        self._cases.append(case)
        return case

    def shown(self, folder: Path) -> dict[Case, Shown]:
        models = [
            SMOLLM2.model_copy(
                update={
                    "slug": slug,
                    "variant": slug.title(),
                    "sha256": hashlib.sha256(slug.encode()).hexdigest(),
                }
            )
            for slug in (f"case-{n}" for n in range(len(self._cases)))
        ]
        taken = list(zip(self._cases, models, strict=True))
        made = [run for case, model in taken for run in case(model)]
        site = make(folder, [with_times_of_its_own(run, n) for n, run in enumerate(made)]).view
        runs = {model.runs[0].model_href: model.runs for model in site.models}
        assert len(runs) == len(taken)
        every = [run for own in runs.values() for run in own]
        copied = [
            run.title for run in every if "Not plausible beside other runs" in str(run.findings)
        ]
        assert copied == []
        return {
            case: Shown(
                runs[model_href(model.slug)],
                tuple(row for row in site.rows if row.model == model.slug),
            )
            for case, model in taken
        }
