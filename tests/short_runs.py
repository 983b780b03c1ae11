"""Real runs without the seconds that no test of them looks at."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest

from bench_pipeline.harness import measurement, session
from bench_pipeline.harness.planning.profiles import PROFILES
from bench_pipeline.harness.quiet import wait_until_quiet
from bench_pipeline.inventory import bandwidth
from bench_pipeline.measures import formulas

LOOK_S = 0.05
READ_BYTES = 16 * 2**20
SHARES = {"SHARED_READS": 1.1, "SHARED_READS_TIMED": 1.1}
OF_A_CLIENT = {**SHARES, "LATE_FLOOR_MS": 10_000.0, "CLOCKS_AGREE_WITHIN": 1e6}
"""Limits in `measures/formulas.py` that a client keeps on a machine however busy: past the true
ones of tokens that came together a cell has no times, past the others no figure on a page."""


@contextmanager
def short_runs() -> Iterator[None]:
    """None waits for a busy machine to become quiet; what it looks at beside measuring, it looks
    at briefly: what others do for `LOOK_S`, how fast memory is by `READ_BYTES` of it. Tests of
    their own look longer, `harness/test_quiet.py` and `inventory/test_bandwidth.py`."""
    with pytest.MonkeyPatch.context() as patch:
        for name, rules in PROFILES.items():
            patch.setitem(PROFILES, name, replace(rules, quiet_patience_s=0))
        for module in (measurement, session):
            patch.setattr(module, "wait_until_quiet", partial(wait_until_quiet, look_s=LOOK_S))
        patch.setattr(bandwidth, "_MOST_BYTES", READ_BYTES)
        yield


@contextmanager
def starved_clients_heard() -> Iterator[None]:
    """However much of a reply a client reads at once on a busy machine, its times are taken:
    `harness/client` and `harness/test_cell.py` are about that."""
    with _limits(SHARES):
        yield


@contextmanager
def late_clients_believed() -> Iterator[None]:
    """And they stand on pages, where one looks for what else stands there: `measures/` is about
    when they may not."""
    with _limits(OF_A_CLIENT):
        yield


@contextmanager
def _limits(limits: dict[str, float]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, limit in limits.items():
            patch.setattr(formulas, name, limit)
        yield
