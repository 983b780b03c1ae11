"""Processes of their own for pieces of a test, forked from one that has imported what they need.

That one is a clean process that only imports: duckdb, once used, deadlocks in a fork.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["duckdb", "bench_pipeline.warehouse.refresh"])


@contextmanager
def forked(work: Callable[..., None], *arguments: Any) -> Iterator[tuple[BaseProcess, Connection]]:
    """A process in which `work(connection, *arguments)` has begun, and the connection's other end.

    `work` is a function of a module that may be imported there. At the end the process is waited
    for; its `exitcode` is negative after a signal.
    """
    ours, theirs = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=work, args=(theirs, *arguments))
    process.start()
    theirs.close()
    try:
        yield process, ours
    finally:
        ours.close()
        process.join()
