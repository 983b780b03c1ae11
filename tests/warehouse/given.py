"""Many tests' runs in one warehouse, refreshed once: each test has a rig of its own, and sees of
the tables what is of it.

    @given
    def test_a_spilled_run_reaches_no_range(here):
        here.put(here.small(memory_verdict="spilled"))
        yield  # until the runs of all such tests of this file are refreshed
        assert here.rows("select * from speed_ranges") == []
"""

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench_pipeline.records.cell import Cell
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import write_run
from bench_pipeline.warehouse.schema import TABLES
from tests.factories import measured_cell, measured_run
from tests.session_factories import session_runs

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SEEDS = count(1000)
"""No two cells have the same requests: one of them would be disputed."""


@dataclass
class Here:
    """A test's place in the common warehouse."""

    runs_folder: Path
    rig: str
    """What a test calls `something` is `<rig>-something`."""
    going: "Generator[None, None, None] | None" = None
    """The test, at its `yield`."""
    connection: "DuckDBPyConnection | None" = None
    """The common one: read only."""

    def put(self, *runs: Run) -> list[Path]:
        return [write_run(run, self.runs_folder) for run in runs]

    def run(self, **wanted: Any) -> Run:
        return measured_run(**self._on_a_rig(wanted))

    def _on_a_rig(self, wanted: dict[str, Any]) -> dict[str, Any]:
        other = f"-{wanted['rig']}" if "rig" in wanted else ""
        return {**wanted, "rig": f"{self.rig}{other}"}

    def small(self, **wanted: Any) -> Run:
        """Of one cell, `chat` at concurrency 1, unless asked for more."""
        return self.run(**{"workloads": ["chat"], "concurrencies": [1], **wanted})

    def session(self, speeds: dict[str, float], **wanted: Any) -> list[Run]:
        return session_runs(speeds, **self._on_a_rig(wanted))

    @staticmethod
    def cell(workload: str, **wanted: Any) -> Cell:
        """With one stream."""
        shape = {"decode_tok_s": 115.0, "seed": next(_SEEDS), **wanted}
        return measured_cell(workload, 1, **shape)

    def rows(self, sql: str) -> list[tuple]:
        """What a query finds, asked of this test's rigs alone."""
        assert self.connection is not None
        for table in set(re.findall(r"\w+", sql)) & set(TABLES):
            whole = f"measurements.main.{table}"
            columns = self.connection.execute(f"from {whole} limit 0").description or ()
            ours, names = "true", {column[0] for column in columns}
            if "rig" in names:
                ours = self._of_rig
            elif "run_id" in names:
                ours = f"run_id in (select run_id from measurements.main.runs where {self._of_rig})"
            self.connection.execute(
                f"create or replace temp view {table} as select * from {whole} where {ours}"
            )
        return self.connection.execute(sql).fetchall()

    @property
    def _of_rig(self) -> str:
        return f"split_part(rig, '-', 1) = '{self.rig}'"


def given(test: Callable[..., Generator[None, None, None]]) -> Callable[..., None]:
    """A test that puts its runs, yields, and looks; `here` is its first argument, what else it
    takes are parameters."""

    @wraps(test)
    def goes_on(here: Here, **_: Any) -> None:
        assert here.going is not None
        for _ in here.going:
            raise AssertionError("it yields twice: the common warehouse is refreshed once")

    goes_on.given = test  # type: ignore[attr-defined]
    return goes_on


def begun(items: list[pytest.Item], runs_folder: Path) -> dict[str, Here]:
    """By a test's id, each at its `yield`."""
    found: dict[str, Here] = {}
    for item in items:
        if test := getattr(item.function, "given", None):  # type: ignore[attr-defined]
            here = found[item.nodeid] = Here(runs_folder, f"r{len(found)}")
            names = list(signature(test).parameters)[1:]
            here.going = test(here, *(item.callspec.params[name] for name in names))  # type: ignore[attr-defined]
            next(here.going)
    return found
