"""Progress without a bar: few lines, and what is left."""

import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable

import pytest

from bench_pipeline.errors import RecordError
from bench_pipeline.progress import PART, PlainLines, Reporter

ROOT_SHELL = """
import sys
{before}
from bench_pipeline.progress import Terminal
reporter = Terminal()
reporter.say("Hello [b]you[/b]")
with reporter.step("Working", total=2) as step:
    step.advance(1)
print("rich" in sys.modules)
"""


@pytest.fixture
def now() -> dict[str, float]:
    return {"s": 0.0}


@pytest.fixture
def lines(now: dict[str, float]) -> tuple[PlainLines, Callable[[], list[str]]]:
    out = io.StringIO()
    return PlainLines(out, clock=lambda: now["s"]), lambda: out.getvalue().splitlines()


def work(reporter: Reporter, now: dict[str, float], steps: int, seconds_each: float) -> None:
    with reporter.step("Measuring", total=steps) as step:
        for _ in range(steps):
            now["s"] += seconds_each
            step.advance(1)


def test_a_line_every_tenth_with_what_is_left(
    lines: tuple[PlainLines, Callable[[], list[str]]], now: dict[str, float]
) -> None:
    reporter, said = lines
    work(reporter, now, steps=100, seconds_each=6)
    assert len(said()) == 10
    assert said()[:2] == ["Measuring …", "Measuring: 10%, about 9 min left"]
    assert said()[-1] == "Measuring: 90%, about 60 s left"


def test_what_is_done_in_seconds_says_only_that_it_begins(
    lines: tuple[PlainLines, Callable[[], list[str]]], now: dict[str, float]
) -> None:
    reporter, said = lines
    work(reporter, now, steps=100, seconds_each=0.01)
    assert said() == ["Measuring …"]


def test_a_step_of_unknown_size_promises_nothing(
    lines: tuple[PlainLines, Callable[[], list[str]]], now: dict[str, float]
) -> None:
    reporter, said = lines
    with reporter.step("Loading") as step:
        now["s"] += 60
        step.advance(1)
    assert said() == ["Loading …"]


def test_a_line_names_what_the_step_is_at(
    lines: tuple[PlainLines, Callable[[], list[str]]], now: dict[str, float]
) -> None:
    reporter, said = lines
    with reporter.step("Measuring", total=2) as step:
        step.describe("Measuring: chat")
        now["s"] += 5
        step.advance(1)
    assert said()[-1] == "Measuring: chat: 50%, about 5 s left"


def shell(code: str, *, stderr: int, kind: str = "xterm") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TERM": kind},
        stdout=subprocess.PIPE,
        stderr=stderr,
        check=True,
    )


def test_a_log_gets_lines_and_rich_is_not_loaded() -> None:
    done = shell(ROOT_SHELL.format(before=""), stderr=subprocess.PIPE)
    assert done.stderr.decode().splitlines() == ["Hello [b]you[/b]", "Working …"]
    assert done.stdout == b"False\n"


@pytest.mark.parametrize(
    ("before", "kind", "bar"),
    [
        ("", "xterm", True),
        ("sys.modules['rich'] = None", "xterm", False),
        ("", "dumb", False),
    ],
    ids=["rich", "without", "dumb"],
)
def test_a_terminal_has_a_bar_where_rich_is_installed(before: str, kind: str, bar: bool) -> None:
    ours, theirs = pty.openpty()
    done = shell(ROOT_SHELL.format(before=before), stderr=theirs, kind=kind)
    os.close(theirs)
    written = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert "Hello [b]you[/b]" in written
    assert ("elapsed" in written, "Working …" in written) == (bar, not bar)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("gnp\u202e.exe", "gnp\\u202e.exe"),
        ("over\rwritten", "over\\rwritten"),
        ("no \udcff text", "no \\udcff text"),
        ("größe\u00a0→ 1\tx\n  mend: y", "größe\u00a0→ 1\tx\n  mend: y"),
    ],
)
def test_nothing_that_is_said_moves_the_cursor(told: str, shown: str) -> None:
    out = io.StringIO()
    PlainLines(out).say(told)
    assert out.getvalue() == f"{shown}\n"
    error = RecordError(told, mend="rename it", where=f"runs/{told}.yaml")
    assert str(error) == f"runs/{shown}.yaml: {shown}\n  mend: rename it"
    assert error.problem == told


def test_of_a_part_no_time_is_told_as_that_of_the_whole_is() -> None:
    out, clock = io.StringIO(), iter(range(0, 1000, 10))
    lines = PlainLines(out, lambda: next(clock))
    with lines.step("chat", 10, PART) as step:
        step.advance(5)
    assert out.getvalue().splitlines() == ["chat …", "chat: 50%"]
