"""Benchmarks are run by hand and seldom: one whose imports moved would be found out too late."""

from importlib import import_module

import pytest

from bench_pipeline.paths import checkout

NAMES = sorted(path.stem for path in (checkout().root / "benchmarks").glob("[!_]*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_each_benchmark_can_be_loaded(name: str) -> None:
    assert import_module(f"benchmarks.{name}").__doc__
