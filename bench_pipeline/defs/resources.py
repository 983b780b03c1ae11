"""What every asset is given: the project on disk, and somewhere to tell its progress.

Plain objects behind `ResourceParam`: the project is a frozen dataclass, the reporter is the
run's log, and when `python -m bench_pipeline` runs the assets the terminal's bars as well.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from bench_pipeline.progress import Reporter, Step


class _Described:
    def __init__(self, what: str) -> None:
        self.what = what

    def advance(self, amount: float) -> None:
        pass  # a log is read afterwards: it wants what was done and how long it took

    def describe(self, what: str) -> None:
        self.what = what


class RunLog:
    """A `progress.Reporter` that writes to the log of the Dagster run it is used in."""

    @contextmanager
    def step(self, what: str, total: float | None = None, unit: str = "") -> Iterator[Step]:
        size = f" ({total / 2**20:,.1f} MiB)" if total and unit == "bytes" else ""
        dg.get_dagster_logger().info(f"{what}{size} …")
        begun = time.monotonic()
        step = _Described(what)
        yield step
        dg.get_dagster_logger().info(f"{step.what}: {time.monotonic() - begun:.1f} s")

    def say(self, line: str) -> None:
        dg.get_dagster_logger().info(line)


class LogAnd:
    """The run's log and another reporter, which alone is told how far a step has come."""

    def __init__(self, other: Reporter) -> None:
        self._log, self._other = RunLog(), other

    @contextmanager
    def step(self, what: str, total: float | None = None, unit: str = "") -> Iterator[Step]:
        with self._log.step(what, total, unit) as log, self._other.step(what, total, unit) as other:
            yield _Both(log, other)

    def say(self, line: str) -> None:
        self._log.say(line)
        self._other.say(line)


class _Both:
    def __init__(self, log: Step, other: Step) -> None:
        self._log, self._other = log, other

    def advance(self, amount: float) -> None:
        self._other.advance(amount)

    def describe(self, what: str) -> None:
        self._log.describe(what)
        self._other.describe(what)
