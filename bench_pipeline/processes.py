"""Work by all cores: in processes that import only what they need, in order, in bounded memory.

Processes are spawned, never forked: duckdb and vl_convert, once used, deadlock in a fork.
"""

import gc
import math
import os
import signal
import sys
import threading
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context, parent_process
from typing import TypeVar

from bench_pipeline.inventory.cgroup import cpu_quota

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 2
"""Tasks given out beyond one for each process: none waits, and few results do."""

_OBJECTS_BETWEEN_COLLECTIONS = 200_000
"""What a task makes lives until it ends: looking for garbage in it as often as Python does of its
own takes up to a fifth of the time."""


class ProcessLost(Exception):
    """A process was killed, or could not start; what it had in hand is not known."""


def usable_cores() -> int:
    """That this process may use at once: its affinity, and what a container leaves of it."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = cpu_quota()
    return max(1, min(allowed or 1, allowed or 1 if quota is None else math.ceil(quota)))


def in_processes(work: Callable[[T], R], tasks: Iterable[T], processes: int) -> Iterator[R]:
    """What `work` makes of each task, in the order of the tasks.

    `work`, tasks and results must be picklable. At most `processes` + 2 results wait to be taken.
    What `work` raises is raised here; ProcessLost if a process dies. No process outlives the
    iteration, nor this process, whatever kills it.
    """
    waiting = iter(tasks)
    pool = ProcessPoolExecutor(processes, get_context("spawn"), initializer=_begin)
    given: deque[Future[R]] = deque()
    try:
        for task in islice(waiting, processes + _AHEAD):
            given.append(_submitted(pool, work, task))
        while given:
            yield given.popleft().result()
            for task in islice(waiting, 1):
                given.append(_submitted(pool, work, task))
    except BrokenProcessPool as error:
        raise ProcessLost(str(error)) from None
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def beside(work: Callable[[T], R], first: T) -> Iterator[Callable[[T], R]]:
    """`work` as it is done by one process more, which does `first` while it is begun; here, should
    that process be killed. `work`, tasks and results must be picklable. It ends with this."""
    pool = ProcessPoolExecutor(1, get_context("spawn"), initializer=_begin)

    def ask(task: T) -> R:
        try:
            return pool.submit(work, task).result()
        except BrokenProcessPool:
            return work(task)

    try:
        _submitted(pool, work, first)
        yield ask
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def few_collections() -> Iterator[None]:
    """For work that makes much and drops little."""
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _submitted(pool: ProcessPoolExecutor, work: Callable[[T], R], task: T) -> Future[R]:
    with _nothing_to_import_again():  # a process starts with the task that finds none idle
        return pool.submit(work, task)


@contextmanager
def _nothing_to_import_again() -> Iterator[None]:
    """A spawned process begins by importing the main module of its parent, in case a task comes
    from there: of the command line that is dagster, two seconds, and a script that does not guard
    itself would run twice."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _begin() -> None:
    """In a new process: leaves Ctrl-C to its parent, and does not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
