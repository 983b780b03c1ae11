"""What the benchmarks of cost add up."""

import sys

import pytest

from benchmarks.cpu_time import run_and_measure
from benchmarks.overhead import spent
from tests.factories import measured_run

BURN = "import time\nwhile time.process_time() < 0.3: pass"


def test_cpu_time_holds_that_of_orphans() -> None:
    abandon = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {BURN!r}])"
    alone = run_and_measure([sys.executable, "-c", "pass"])
    done = run_and_measure([sys.executable, "-c", abandon])
    assert done.status == 0
    assert done.cpu_s - alone.cpu_s > 0.25


def test_a_failed_program_is_told_with_what_it_said() -> None:
    done = run_and_measure([sys.executable, "-c", "print('out'); raise SystemExit('sorry')"])
    assert (done.status, done.output) == (1, "out\nsorry\n")


def test_the_parts_of_a_run_s_wall_time_add_up_to_it() -> None:
    run = measured_run()
    found = spent(run)
    assert run.started_at
    assert run.finished_at
    assert found.wall_s == (run.finished_at - run.started_at).total_seconds()
    parts = [*found.measured.values(), *found.besides.values()]
    assert sum(parts) == pytest.approx(found.wall_s)
    assert found.measured["cells"] == pytest.approx(
        sum(cell.window_ms or 0 for cell in run.cells) / 1000
    )
    rest_s = sum(found.besides.values())
    assert found.overhead == pytest.approx(rest_s / sum(found.measured.values()))


def test_a_run_without_windows_is_refused() -> None:
    run = measured_run()
    bare = {"window_ms": None}
    cells = [cell.model_copy(update=bare) for cell in run.cells]
    without = {"cells": cells, "curves": [], "closing": None, "bare_engine": None}
    with pytest.raises(ValueError, match="no measured window"):
        spent(run.model_copy(update=without))
