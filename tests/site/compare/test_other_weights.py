"""Engines that read different formats are set side by side."""

from types import SimpleNamespace
from typing import Any

from bench_pipeline.site.compare.pairs import _KINDS

KIND = "Two engines on one machine, not the same weights"
ROW = {
    **{"family": "SmolLM2", "variant": "135M", "rig": "box", "backend": "cpu", "mode": "baseline"},
    **{"power_cap_w": None, "provenance": "measured", "started_at": None, "build_number": None},
}


def pairs(*outlines: tuple[str, str, str]) -> set[tuple[str, str]]:
    """Of engine, build and model each."""
    made: list[Any] = [
        SimpleNamespace(
            id=f"{engine}-{build}-{model}",
            model=model,
            with_figures=[1],
            row={**ROW, "engine": engine, "build": build, "model": model},
        )
        for engine, build, model in outlines
    ]
    known: Any = SimpleNamespace(configurations=made, sessions=[])
    return {(pair.a.id, pair.b.id) for pair in _KINDS[KIND](known)}


def test_engines_that_never_had_the_same_file_are_a_pair_the_newest_of_each() -> None:
    assert pairs(("llama.cpp", "b1", "q4"), ("vllm", "0.31", "bf16"), ("vllm", "0.32", "bf16")) == {
        ("llama.cpp-b1-q4", "vllm-0.32-bf16")
    }


def test_engines_that_had_the_same_file_once_are_compared_by_that_alone() -> None:
    assert pairs(("llama.cpp", "b1", "q4"), ("llama.cpp", "b1", "q8"), ("das", "1", "q8")) == set()


def test_two_quants_of_one_engine_are_another_kind() -> None:
    assert pairs(("llama.cpp", "b1", "q4"), ("llama.cpp", "b1", "q8")) == set()
