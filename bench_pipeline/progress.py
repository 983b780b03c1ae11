"""How long steps tell what they do: one seam for terminal, Dagster's log and tests."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from bench_pipeline.errors import shown

if TYPE_CHECKING:  # a rig that only measures does without it
    from rich.console import Console
    from rich.progress import Progress


PART = "part"
"""Unit of a step that is a part of a run whose time is told by `say`."""


class Step(Protocol):
    def advance(self, amount: float) -> None: ...

    def describe(self, what: str) -> None: ...


class Reporter(Protocol):
    """`total` in bytes if `unit` is `bytes`, else in whatever the caller advances by. Of a `PART`
    of something longer no time is told: the caller says how long all of it takes."""

    def step(
        self, what: str, total: float | None = None, unit: str = ""
    ) -> AbstractContextManager[Step]: ...

    def say(self, line: str) -> None: ...


class _Quiet:
    def advance(self, amount: float) -> None:
        pass

    def describe(self, what: str) -> None:
        pass


class Silent:
    @contextmanager
    def step(self, what: str, total: float | None = None, unit: str = "") -> Iterator[Step]:
        yield _Quiet()

    def say(self, line: str) -> None:
        pass


class PlainLines:
    """A line as a step begins and after each tenth of it, where there is no bar: in a log, and
    on a rig without rich. `out` is standard error unless another is given."""

    def __init__(self, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic):
        self._out, self._clock = out or sys.stderr, clock

    @contextmanager
    def step(self, what: str, total: float | None = None, unit: str = "") -> Iterator[Step]:
        self.say(f"{what} …")
        yield _Lines(self, what, total, self._clock, tells_time=unit != PART)

    def say(self, line: str) -> None:
        print(shown(line), file=self._out, flush=True)


class _Lines:
    QUIET_S = 2
    """What is done within seconds needs no lines."""

    def __init__(
        self,
        reporter: PlainLines,
        what: str,
        total: float | None,
        clock: Callable[[], float],
        tells_time: bool,
    ) -> None:
        self._reporter, self._what, self._total, self._clock = reporter, what, total, clock
        self._tells_time = tells_time
        self._done, self._tenths = 0.0, 0
        self._began = self._said_at = clock()

    def advance(self, amount: float) -> None:
        self._done += amount
        share, now = self._done / self._total if self._total else 0.0, self._clock()
        tenths = int(share * 10 + 1e-9)
        if not self._tenths < tenths < 10 or now - self._said_at < self.QUIET_S:
            return
        self._tenths, self._said_at = tenths, now
        left_s = (now - self._began) / share * (1 - share)
        about = f"{left_s:.0f} s" if left_s < 90 else f"{left_s / 60:.0f} min"
        left = f", about {about} left" if self._tells_time else ""
        self._reporter.say(f"{self._what}: {share:.0%}{left}")

    def describe(self, what: str) -> None:
        self._what = what


class _Bar:
    def __init__(self, progress: "Progress", task: int) -> None:
        self._progress, self._task = progress, task

    def advance(self, amount: float) -> None:
        self._progress.advance(self._task, amount)  # type: ignore[arg-type]

    def describe(self, what: str) -> None:
        self._progress.update(self._task, description=what)  # type: ignore[arg-type]


class Terminal:
    """A bar with elapsed time and an estimate; plain lines where there is no terminal, a
    dumb one, or no rich."""

    def __init__(self) -> None:
        self._console = _console() if sys.stderr.isatty() else None
        self._lines = PlainLines()

    @contextmanager
    def step(self, what: str, total: float | None = None, unit: str = "") -> Iterator[Step]:
        if self._console is None:
            with self._lines.step(what, total, unit) as step:
                yield step
            return
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = [TextColumn("{task.description}"), BarColumn()]
        columns += [DownloadColumn()] if unit == "bytes" else []
        columns += [TimeElapsedColumn(), TextColumn("elapsed")]
        if total is not None and unit != PART:
            columns += [TimeRemainingColumn(), TextColumn("left")]
        with Progress(*columns, console=self._console, transient=True) as progress:
            yield _Bar(progress, progress.add_task(what, total=total))

    def say(self, line: str) -> None:
        if self._console is None:
            self._lines.say(line)
        else:
            self._console.print(shown(line), markup=False, soft_wrap=True)


def _console() -> "Console | None":
    try:
        from rich.console import Console
    except ImportError:
        return None
    console = Console(stderr=True, highlight=False)
    return None if console.is_dumb_terminal else console  # on which rich shows nothing at all
