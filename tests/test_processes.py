"""Work by several processes: in order, and whatever ends one of them is told once."""

import os
import signal
import sys

import pytest

from bench_pipeline import processes
from bench_pipeline.processes import ProcessLost, beside, in_processes, usable_cores


def told(number: int) -> tuple[int, int]:
    """With the process that did it."""
    return number, os.getpid()


def refused(number: int) -> int:
    if number == 3:
        raise ValueError("three is refused")
    return number


def killed(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def killed_elsewhere(home: int) -> int:
    if os.getpid() != home:
        os.kill(os.getpid(), signal.SIGKILL)
    return home


def test_a_process_beside_this_one_does_what_it_is_asked_and_ends():
    with beside(told, 0) as ask:
        (_, one), (number, other) = ask(1), ask(2)
    assert (number, one) == (2, other)
    assert other != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(other, 0)


def test_what_a_killed_process_beside_this_one_was_asked_is_done_here():
    with beside(killed_elsewhere, os.getpid()) as ask:
        assert ask(os.getpid()) == os.getpid()


def test_results_come_in_the_order_of_the_tasks_and_from_other_processes():
    found = list(in_processes(told, range(20), 2))
    assert [number for number, _ in found] == list(range(20))
    assert os.getpid() not in {process for _, process in found}


def test_what_began_this_process_does_not_begin_again_in_others(monkeypatch, tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text("raise SystemExit('began twice')")
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(script), raising=False)
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    assert [number for number, _ in in_processes(told, [1], 1)] == [1]


def test_no_more_tasks_are_given_out_than_a_few_ahead():
    given = []

    def tasks():
        for number in range(100):
            given.append(number)
            yield number

    results = in_processes(refused, tasks(), 1)
    assert next(results) == 0
    assert len(given) <= 1 + processes._AHEAD + 1
    results.close()


def test_an_error_of_the_work_is_raised_here_after_what_came_before_it():
    found = []
    with pytest.raises(ValueError, match="three is refused"):
        for number in in_processes(refused, range(9), 1):
            found.append(number)
    assert found == [0, 1, 2]


def test_a_killed_process_is_one_error():
    with pytest.raises(ProcessLost):
        list(in_processes(killed, range(9), 1))


def test_cores_are_those_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(processes.os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    monkeypatch.setattr(processes, "cpu_quota", lambda: None)
    assert usable_cores() == 6
    monkeypatch.setattr(processes, "cpu_quota", lambda: 2.5)
    assert usable_cores() == 3
    monkeypatch.setattr(processes, "cpu_quota", lambda: 0.5)
    assert usable_cores() == 1
