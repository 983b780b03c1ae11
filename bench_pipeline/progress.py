"""How long steps tell what they do: one seam for terminal, Dagster's log and tests."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Step(Protocol):
    def advance(self, amount: float) -> None: ...

    def describe(self, what: str) -> None: ...


class Reporter(Protocol):
    """`total` in bytes if `unit` is `bytes`, else in whatever the caller advances by."""

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


class _Bar:
    def __init__(self, progress: Progress, task: int) -> None:
        self._progress, self._task = progress, task

    def advance(self, amount: float) -> None:
        self._progress.advance(self._task, amount)  # type: ignore[arg-type]

    def describe(self, what: str) -> None:
        self._progress.update(self._task, description=what)  # type: ignore[arg-type]


class Terminal:
    """A bar with elapsed time and an estimate; plain lines where there is no terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)

    @contextmanager
    def step(self, what: str, total: float | None = None, unit: str = "") -> Iterator[Step]:
        if not self.console.is_terminal:
            self.say(f"{what} …")
            yield _Quiet()
            return
        columns = [TextColumn("{task.description}"), BarColumn()]
        columns += [DownloadColumn()] if unit == "bytes" else []
        columns += [TimeElapsedColumn(), TextColumn("elapsed")]
        if total is not None:
            columns += [TimeRemainingColumn(), TextColumn("left")]
        with Progress(*columns, console=self.console, transient=True) as progress:
            yield _Bar(progress, progress.add_task(what, total=total))

    def say(self, line: str) -> None:
        self.console.print(line, markup=False, soft_wrap=True)  # the terminal wraps, a log needn't
