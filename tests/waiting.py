"""Waiting for what a test needs to have happened, and never for a length of time.

How long a thing takes says how busy the machine is. So nothing here is short: a test that passes
waits no longer than it must, and one that fails may take a while to say so.
"""

import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace

PATIENCE_S = 600
"""Ten times what the slowest step takes on two quiet cores."""


def wait_until(
    done: Callable[[], object], what: str, log: Callable[[], str] = str, look_s: float = 0.02
) -> None:
    """Returns when `done()` is true; AssertionError with `what` and the end of `log()` if it
    never is."""
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE_S} s for {what}\n{log()[-6000:]}")
        time.sleep(look_s)


def clock_until(happened: Path) -> SimpleNamespace:
    """`time` for a module with a limit of `PATIENCE_S`: over as soon as `happened` is there, also
    if it came before the limit was set, as each look after that is later by more than it."""
    looks = count(1)

    def monotonic() -> float:
        return time.monotonic() + (2 * PATIENCE_S * next(looks) if happened.exists() else 0)

    return SimpleNamespace(monotonic=monotonic, sleep=time.sleep)


def requests_begun(folder: Path) -> int:
    """Completions that servers have begun to answer, by their logs below `folder`."""
    logs = folder.rglob("*.server.log")
    return sum(log.read_text(errors="replace").count("processing task") for log in logs)
